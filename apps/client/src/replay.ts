/** A room's motion again, if it was kept: for moderators and auditors. The frames are those that the server sent at the time. */
import { type PackedPose, PackedReader } from './packed.ts'
import type { Json, Transport } from './transport.ts'

export type ReplayedFrame = {
  /** When it was sent, by the server's clock (ms). */
  readonly at: number
  /** By socket for an avatar, by id for an entity. */
  readonly moved: ReadonlyMap<string, PackedPose>
  readonly gone: ReadonlyArray<string>
  /** As it was sent. */
  readonly bytes: Uint8Array
}
export type ReplayOptions = {
  readonly from: Date
  readonly to: Date
  /** The socket whose view it is; the whole room unless given. */
  readonly as?: string
  /** 1 for its own pace, 10 for ten times as fast; as fast as it is read unless given. */
  readonly speed?: number
  /** Told of each part that is missing, and why. */
  readonly onLost?: (lost: Json) => void
}

const bytesOf = (base64: string): Uint8Array =>
  Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0))
const linesIn = (answer: unknown): ReadonlyArray<Json> =>
  // One line alone is read as JSON already.
  typeof answer === 'string'
    ? answer.split('\n').flatMap((line) => (line.trim() === '' ? [] : [JSON.parse(line) as Json]))
    : [answer as Json]

export async function* replayMotion(
  transport: Transport,
  token: string | null,
  room: { readonly type: string; readonly id: string; readonly subspace: string },
  { from, to, as, speed, onLost = () => {} }: ReplayOptions,
): AsyncGenerator<ReplayedFrame, void, void> {
  const query = new URLSearchParams({ motion: '1', subspace: room.subspace })
  query.set('from', from.toISOString())
  query.set('to', to.toISOString())
  if (as !== undefined) query.set('as', as)
  const path = `/api/spaces/${room.type}/${encodeURIComponent(room.id)}/replay?${query}`
  const lines = linesIn(await transport.call(path, { token }))
  const reader = new PackedReader()
  const begun = performance.now()
  for (const line of lines) {
    if (line.type === 'motion_lost') onLost(line)
    if (line.type !== 'motion') continue
    const at = Date.parse(String(line.at))
    const due = speed === undefined ? 0 : begun + (at - from.getTime()) / speed - performance.now()
    if (due > 0) await new Promise((resolve) => setTimeout(resolve, due))
    const bytes = bytesOf(String(line.frame))
    const { moved, gone } = reader.read(bytes)
    yield { at, moved, gone, bytes }
  }
}
