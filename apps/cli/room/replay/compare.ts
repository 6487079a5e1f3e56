/** Compares what the server's tables say, over REST like any reader, with what the file implies. */
import { setTimeout as delay } from 'node:timers/promises'
import { compareAudit } from './compare-audit.ts'
import type { ExpectedRoom } from './expect.ts'
import type { Journal, ReplayTarget, Watch } from './journal.ts'
import type { Person } from './people.ts'
import { createReading, type ReadMessageRow, type RoomReading } from './reading.ts'

export type RoomDifference = { readonly table: string; readonly what: string }
export type ComparedRoom = {
  readonly counts: Readonly<Record<string, number>>
  readonly differences: ReadonlyArray<RoomDifference>
}

const LEASE_PATIENCE_MS = 60_000

type Differ = (table: string, what: string) => void

const comparePresent = async (
  { present }: RoomReading,
  expected: ExpectedRoom,
  { journal, owner }: { readonly journal: Journal; readonly owner: string },
  differ: Differ,
): Promise<void> => {
  const others = async () => (await present()).filter((account) => account !== owner)
  let here = await others()
  // The sessions of a process that was killed end once its lease has run out.
  const until = Date.now() + LEASE_PATIENCE_MS
  while (journal.interruptions > 0 && here.length > expected.present.size && Date.now() < until) {
    await delay(250)
    here = await others()
  }
  for (const account of expected.present)
    if (!here.includes(account)) differ('sessions', `${account} should be present and is not`)
  for (const account of here)
    if (!expected.present.has(account)) differ('sessions', `${account} is present and should not be`)
  if (new Set(here).size !== here.length) differ('sessions', 'an account is present twice')
}

const comparePermissions = (
  permissions: ReadonlyMap<string, string>,
  expected: ExpectedRoom,
  differ: Differ,
): void => {
  for (const [account, permission] of expected.permissions) {
    const has = permissions.get(account)
    if (has !== permission)
      differ('permissions', `${account} should have ${permission} and has ${has ?? 'none'}`)
  }
  for (const account of permissions.keys())
    if (!expected.permissions.has(account))
      differ('permissions', `${account} should have none and has ${permissions.get(account)}`)
}

const compareChat = (
  messages: ReadonlyArray<ReadMessageRow>,
  expected: ExpectedRoom,
  journal: Journal,
  differ: Differ,
): void => {
  for (const [index, line] of expected.chat.entries()) {
    const row = messages[index]
    if (!row) differ('chat', `line ${line.seq} is missing`)
    else if (
      row.message_id !== journal.messageIds.get(line.seq) ||
      row.user_account !== line.account ||
      row.content !== line.content
    )
      differ(
        'chat',
        `message ${index + 1} should be line ${line.seq} of ${line.account} and is ${row.message_id} of ${row.user_account}`,
      )
  }
  if (messages.length > expected.chat.length)
    differ('chat', `${messages.length - expected.chat.length} messages too many`)
}

/** Checks what the owner saw live: each stream's news once and in order. */
const compareLive = (watch: Watch, expected: ExpectedRoom, journal: Journal, differ: Differ): void => {
  const doubled = { space: new Set<string>(), chat: new Set<string>() }
  let lastSpace = -1n
  let lastChat = -1n
  for (const { event, revision } of watch.seen) {
    const chat = event === 'chat-message'
    const now = BigInt(revision)
    // One event of a space may be several pieces of news (a move is a leave and a join), so equal revisions are in order there.
    if (chat ? now <= lastChat : now < lastSpace)
      differ('live', `${event} ${revision} came after ${chat ? lastChat : lastSpace}`)
    if (chat) lastChat = now
    else lastSpace = now
    const seen = chat ? doubled.chat : doubled.space
    const name = `${event}:${revision}`
    if (seen.has(name)) differ('live', `${name} came twice`)
    seen.add(name)
  }
  const chatSeen = doubled.chat.size
  if (journal.interruptions === 0 && chatSeen !== expected.chat.length)
    differ('live', `the watcher was sent ${chatSeen} messages of ${expected.chat.length}`)
}

export const compare = async (
  target: ReplayTarget,
  owner: Person,
  expected: ExpectedRoom,
  { journal, watch }: { readonly journal: Journal; readonly watch: Watch },
): Promise<ComparedRoom> => {
  const differences: Array<RoomDifference> = []
  const differ: Differ = (table, what) => differences.push({ table, what })
  const reading = createReading(target, owner, journal)
  await comparePresent(reading, expected, { journal, owner: target.owner }, differ)
  comparePermissions(await reading.permissions(), expected, differ)
  compareChat(await reading.messages(), expected, journal, differ)
  compareAudit(await reading.audit(), { expected, journal, owner: target.owner }, differ)
  compareLive(watch, expected, journal, differ)
  return {
    counts: {
      sessions: expected.present.size,
      permissions: expected.permissions.size,
      messages: expected.chat.length,
      'audit entries': expected.audit.length,
      'live events': watch.seen.length,
    },
    differences,
  }
}
