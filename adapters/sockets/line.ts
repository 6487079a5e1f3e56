/** A line to a member, whatever its protocol: it carries the room's news, and messages to this member alone. */
import type { RoomKey } from '../../domain/names.ts'
import type { SharedTail } from './frames.ts'
import type { Moved } from './sending/moved.ts'

export interface Line {
  /** The id by which others know it: the socket's, in every language. */
  readonly id: string
  readonly tell: (event: string, payload: unknown) => void
  /** Sends packets, encoded by `frames.ts`, in this order. */
  readonly packets: (packets: ReadonlyArray<string>) => void
  /** Sends `space-joined`: `start` and `tail` make one packet. */
  readonly entered: (start: string, tail: SharedTail) => void
  /** From now on it gets the room's news; or no longer does. */
  readonly join: (room: RoomKey) => void
  readonly leave: (room: RoomKey) => void
  /** Cuts the line if too much waits for it. */
  readonly guard: () => void
  /** How many bytes wait for its client to read them. */
  readonly waiting: () => number
  /** Sends a frame of the packed wire; if too much waits, nothing is sent and it returns false. Missing if this line can't carry any. */
  readonly frame?: (bytes: Buffer) => boolean
  /** Whether somebody at its other end answers within `ms`. Missing if it can't be asked, and then it counts as there. */
  readonly isThere?: (ms: number) => Promise<boolean>
  /** Closes the line; its client stays away. */
  readonly close: () => void
  /** Closes the line; its client should connect again, maybe elsewhere. */
  readonly sendElsewhere: () => void
}

/** A line that is not a Socket.IO socket of the default namespace in our own language, and so is written to separately. */
export interface OtherLine extends Line {
  /** Sends how `sender`'s scene moved; a busy line gets it later, merged with what is newer then. `packet`: as it is now. */
  readonly moved: (sender: string, moved: Moved, packet: string) => void
}
