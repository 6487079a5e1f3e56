/** What a server's processor time goes to, in a few parts that can be compared from one revision to the next. */
import type { Profiler } from 'node:inspector'
import { type CalledFrame, treeOf } from './flame.ts'

const LOG = 'the log’s client: gRPC, HTTP/2, protobuf'
const WRITES = /^(writeBuffer|writev|writeLatin1String|writeUtf8String)$/
/** By the nearest caller that is in one of these places. */
const PLACES: ReadonlyArray<readonly [RegExp, string]> = [
  [/^adapters\/privacy\//, 'sealing'],
  [/^(adapters\/eventstore\/|@grpc\/|node:internal\/http2)/, LOG],
  [/^(apps\/commands\/|domain\/)/, 'the command path: queue, decision, fold, limits'],
  [/^(adapters|projections|apps)\//, 'handling requests, the feed, what is around each write'],
  [/^(socket\.io|engine\.io|@socket\.io|ws\/|debug\/)/, 'Socket.IO, Engine.IO, ws'],
]

/** `above`: the part of the nearest caller that has one. */
const partOf = ({ name, where }: CalledFrame, above: string | null): string | null => {
  if (name === '(garbage collector)') return 'garbage collection'
  if (name === '(program)') return 'Node outside of JavaScript'
  if (where === '' && WRITES.test(name) && above !== LOG) return 'writing to sockets (system calls)'
  return PLACES.find(([place]) => place.test(where))?.[1] ?? above
}

/** Microseconds a message by part, the largest first; `us` is the whole. */
export const partsOf = (profile: Profiler.Profile, us: number): ReadonlyArray<readonly [string, number]> => {
  const parts = new Map<string, number>()
  let total = 0
  const add = (frame: CalledFrame, above: string | null): void => {
    const part = partOf(frame, above)
    if (frame.own > 0) {
      total += frame.own
      const name = part ?? 'everything else'
      parts.set(name, (parts.get(name) ?? 0) + frame.own)
    }
    for (const call of frame.calls.values()) add(call, part)
  }
  add(treeOf(profile), null)
  return [...parts]
    .map(([part, own]): readonly [string, number] => [part, (own / total) * us])
    .sort(([, a], [, b]) => b - a)
}
