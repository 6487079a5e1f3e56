/** A real room's log performed through the command path on a log in memory, with the file's own clock. For tests alone. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import * as E from 'fp-ts/lib/Either.js'
import { adminsIn, type RoomLine, readRoomLog } from '../../apps/cli/room/replay/room-log.ts'
import type { MessageLookup } from '../../apps/commands/message-lookup.ts'
import type { ChatCommand } from '../../domain/chat/commands.ts'
import type { ChatEvent } from '../../domain/chat/events.ts'
import type { MessageFacts } from '../../domain/chat/state.ts'
import type { Caller } from '../../domain/identity.ts'
import { type SpaceRef, streamName } from '../../domain/names.ts'
import type { ContentFacts, SpaceCommand } from '../../domain/space/commands.ts'
import { contentOf, countedIds, pathOn, publicPost, uuid } from './command-path.ts'
import { type MemoryLog, memoryLog } from './memory-log.ts'

export const ROOM: SpaceRef = { type: 'post', id: 'alice/my-post' }

/** The folder that ROOM_LOGS names holds the busy week; else a quiet evening, which comes with the project. */
const roomFile = (): string => {
  const week = join(process.env.ROOM_LOGS ?? '/nowhere', 'busy-week.jsonl.gz')
  return existsSync(week) ? week : join(import.meta.dirname, 'rooms/quiet-evening.jsonl.gz')
}

export type Performed = {
  readonly log: MemoryLog
  readonly lines: ReadonlyArray<RoomLine>
  readonly admins: ReadonlyArray<string>
  readonly space: (
    by: Caller | { readonly kind: 'system'; readonly id: string },
    command: SpaceCommand,
    room?: SpaceRef,
  ) => Promise<string>
  readonly chat: (by: Caller, command: ChatCommand, room?: SpaceRef) => Promise<string>
  /** Sets the clock, ms. */
  readonly at: (ms: number) => void
  readonly now: () => number
  readonly done: () => Promise<void>
}

/** `facts` of rooms other than alice's post. Each command answers `ok` or the refusal's tag. */
export const performWeek = async (
  limit = Number.POSITIVE_INFINITY,
  facts: (by: Caller | null, space: SpaceRef) => ContentFacts = publicPost,
): Promise<Performed> => {
  const read = await readRoomLog(roomFile())
  if (E.isLeft(read)) throw new Error(read.left)
  const lines = read.right.slice(0, limit)
  const admins = adminsIn(lines)
  const log = memoryLog()
  let now = Date.parse(lines[0]!.t) - 10_000
  /** As the read model has it, from the log itself. */
  const lookUp: MessageLookup = (space, ids) => async () => {
    const found = new Map<string, MessageFacts | null>(ids.map((id) => [id, null]))
    for (const { type, data } of log.stream(streamName('chat', space))) {
      const event = { type, data } as ChatEvent
      const { messageId } = event.data
      if (!found.has(messageId)) continue
      const known = found.get(messageId)
      if (event.type === 'MessagePosted') {
        const { account, guest, ...rest } = event.data
        const author = account ?? guest ?? ''
        found.set(messageId, { ...rest, author, edited: false, deleted: false, reactions: [] })
      } else if (known && event.type === 'MessageEdited')
        found.set(messageId, { ...known, content: event.data.content, edited: true })
      else if (known && event.type === 'MessageDeleted') found.set(messageId, { ...known, deleted: true })
    }
    return E.right(found)
  }
  const path = pathOn(log, {
    messageLookup: lookUp,
    content: contentOf(facts),
    clock: { now: () => now },
    ids: countedIds(0xeee),
    refusals: { rate: { perSecond: 1_000_000, burst: 1_000_000 } },
  })
  log.follow((event) => path.observe(event))
  let commands = 0
  const answer = (
    result: E.Either<{ readonly _tag: string; readonly refusal?: { readonly _tag: string } }, unknown>,
  ) => (E.isRight(result) ? 'ok' : (result.left.refusal?._tag ?? result.left._tag))
  const space: Performed['space'] = async (by, command, room = ROOM) =>
    answer(await path.space({ by, command, space: room, id: uuid(++commands, 1) })())
  const chat: Performed['chat'] = async (by, command, room = ROOM) =>
    answer(await path.chat({ by, command, space: room, id: uuid(++commands, 2) })())
  const account = (id: string): Caller => ({ kind: 'account', id })
  const alice = account('alice')

  await space(alice, { type: 'ChangeSettings', changes: { max_users: 1_000 } })
  for (const admin of admins)
    await space(alice, { type: 'GrantPermission', account: admin, permission: 'admin', reason: null })
  const sessions = new Map<string, string>()
  for (const line of lines) {
    now = Date.parse(line.t)
    const by = account(line.account)
    switch (line.kind) {
      case 'join': {
        const sessionId = `s${line.seq}`
        sessions.set(line.account, sessionId)
        await space(by, {
          type: 'JoinSpace',
          sessionId,
          socketId: `k${line.seq}`,
          subspace: 'main',
          position: { x: line.seq, y: 0, z: 0 },
          avatarData: { colour: `#${line.seq}` },
          boot: 'boot',
        })
        break
      }
      case 'leave': {
        const sessionId = sessions.get(line.account) ?? 'none'
        const reason = line.reason === 'left' ? 'left' : 'disconnected'
        await space(by, { type: 'LeaveSpace', sessionId, reason })
        break
      }
      case 'chat':
        await chat(by, {
          type: 'PostMessage',
          messageId: uuid(line.seq, 7),
          subspace: 'main',
          content: line.content,
          messageType: 'text',
          parentMessageId: null,
        })
        break
      case 'grant':
        await space(account(line.by), {
          type: 'GrantPermission',
          account: line.account,
          permission: line.permission,
          reason: null,
        })
        break
      case 'revoke':
        await space(account(line.by), { type: 'RevokePermission', account: line.account, reason: null })
        break
      case 'kick':
        await space(account(line.by), {
          type: 'Kick',
          sessionId: sessions.get(line.account) ?? 'none',
          reason: line.reason,
        })
        break
      default:
        line satisfies never
    }
  }
  return {
    log,
    lines,
    admins,
    space,
    chat,
    at: (ms) => {
      now = ms
    },
    now: () => now,
    done: () => path.drain(),
  }
}
