/** How a member is reached, whatever its protocol: it gets its room's news, or messages to it alone. */
import type { RoomKey } from '../../domain/names.ts'
import type { SharedTail } from './frames.ts'
import type { Moved } from './sending/moved.ts'

export interface Line {
  /** What others call it by: the socket's id, in every language. */
  readonly id: string
  readonly tell: (event: string, payload: unknown) => void
  /** As `frames.ts` writes them, in this order. */
  readonly packets: (packets: ReadonlyArray<string>) => void
  /** `space-joined`: `start` and `tail` make one packet. */
  readonly entered: (start: string, tail: SharedTail) => void
  /** From now on the room's news is for it; no more. */
  readonly join: (room: RoomKey) => void
  readonly leave: (room: RoomKey) => void
  /** Cuts it off if too much waits for it. */
  readonly guard: () => void
  /** Bytes that wait for its client to read them. */
  readonly waiting: () => number
  /** A frame of the packed wire; false, and nothing is sent, where too much waits. Left out: this line can't take any. */
  readonly frame?: (bytes: Buffer) => boolean
  /** Whether somebody answers at its other end within `ms`. Left out: it can't be asked, and counts as there. */
  readonly isThere?: (ms: number) => Promise<boolean>
  /** Closes it; its client stays away. */
  readonly close: () => void
  /** Closes it; its client is to come again, maybe elsewhere. */
  readonly sendElsewhere: () => void
}

/** A line that is not a Socket.IO socket of the default namespace in our own words, and so is written to by itself. */
export interface OtherLine extends Line {
  /** How `sender`'s scene moved; one that is busy is told later, with what is newer then. `packet`: as it is now. */
  readonly moved: (sender: string, moved: Moved, packet: string) => void
}
