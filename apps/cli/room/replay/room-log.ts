/** A room log: what happened in a real room, one JSON object a line, oldest first, gzipped or not. */
import * as E from 'fp-ts/lib/Either.js'
import * as t from 'io-ts'
import { textLinesOf, UnreadableFile } from '../../../../adapters/text-file.ts'
import { isAccount } from '../../../../domain/names.ts'
import { readTime } from '../../../../domain/time.ts'

const at = { seq: t.number, t: t.string, account: t.string }
export const RoomLine = t.union([
  t.intersection([t.type({ ...at, kind: t.literal('join') }), t.partial({ implicit: t.boolean })]),
  t.type({ ...at, kind: t.literal('leave'), reason: t.union([t.literal('left'), t.literal('expired')]) }),
  t.type({ ...at, kind: t.literal('chat'), content: t.string }),
  t.type({
    ...at,
    kind: t.union([t.literal('grant'), t.literal('revoke')]),
    by: t.string,
    permission: t.union([t.literal('moderate'), t.literal('access')]),
  }),
  t.type({ ...at, kind: t.literal('kick'), by: t.string, reason: t.string }),
])
export type RoomLine = t.TypeOf<typeof RoomLine>

/** The lines of a file, or one sentence that says which line is wrong and how. */
export const readRoomLog = async (file: string): Promise<E.Either<string, ReadonlyArray<RoomLine>>> => {
  try {
    return await readLines(file)
  } catch (error) {
    if (error instanceof UnreadableFile) return E.left(error.message)
    return E.left(`${file} can't be read: ${(error as Error).message}.`)
  }
}

/** The largest file: all lines are held in memory. */
const MAX_BYTES = 512 * 1024 * 1024

const readLines = async (file: string): Promise<E.Either<string, ReadonlyArray<RoomLine>>> => {
  const lines: Array<RoomLine> = []
  let number = 0
  for await (const text of textLinesOf(file, { maxBytes: MAX_BYTES })) {
    number += 1
    if (text.trim() === '') continue
    let json: unknown
    try {
      json = JSON.parse(text)
    } catch {
      return E.left(`${file}, line ${number}: not JSON.`)
    }
    const line = RoomLine.decode(json)
    if (E.isLeft(line)) return E.left(`${file}, line ${number}: not a line of a room log.`)
    if (readTime(line.right.t) === null) return E.left(`${file}, line ${number}: t is not a time.`)
    if (!isAccount(line.right.account) || ('by' in line.right && !isAccount(line.right.by)))
      return E.left(`${file}, line ${number}: not a Hive account name.`)
    lines.push(line.right)
  }
  return lines.length === 0 ? E.left(`${file} has no lines.`) : E.right(lines)
}

/** Everyone who acts or is acted on. */
export const accountsIn = (lines: ReadonlyArray<RoomLine>): ReadonlyArray<string> => [
  ...new Set(lines.flatMap((line) => ('by' in line ? [line.account, line.by] : [line.account]))),
]
/** Those who grant, revoke or kick: the owner makes them admins before the first line. */
export const adminsIn = (lines: ReadonlyArray<RoomLine>): ReadonlyArray<string> => [
  ...new Set(lines.flatMap((line) => ('by' in line ? [line.by] : []))),
]
