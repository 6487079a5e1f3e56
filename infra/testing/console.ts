/** The console on a real server with rooms to look at, for its tests: a document with every role, and an evening replayed
 *  by the file's own clock. */

import { readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import * as E from 'fp-ts/lib/Either.js'
import { consolePage } from '../../apps/console/plugin.ts'
import { startPage } from '../../apps/page/plugin.ts'
import type { Caller } from '../../domain/identity.ts'
import type { SpaceRef } from '../../domain/names.ts'
import type { SpaceCommand } from '../../domain/space/commands.ts'
import { type TestHttp, testHttp } from './http.ts'
import { QUIET_EVENING } from './replay.ts'

const EVENING: SpaceRef = { type: 'document', id: '123' }
const LINES = 90

type Line = {
  readonly seq: number
  readonly t: string
  readonly kind: string
  readonly account: string
} & Record<string, unknown>
const account = (id: string): Caller => ({ kind: 'account', id })

/** Its people come, speak and go in a document of carol's. Other acts of the file are left out. */
const replayEvening = async (http: TestHttp): Promise<void> => {
  const now = http.clock.ms
  const text = gunzipSync(readFileSync(QUIET_EVENING)).toString()
  const lines = text
    .trim()
    .split('\n')
    .slice(0, LINES)
    .map((line) => JSON.parse(line) as Line)
  const sessions = new Map<string, string>()
  let commands = 0
  const id = () => {
    commands += 1
    return `00000000-0000-4000-8000-${String(commands).padStart(12, '0')}`
  }
  const space = async (by: Caller, command: SpaceCommand) => {
    const done = await http.commands.space({ by, command, space: EVENING, id: id() })()
    if (E.isLeft(done)) throw new Error(JSON.stringify(done.left))
  }
  http.clock.ms = Date.parse(lines[0]!.t) - 60_000
  await space(account('carol'), { type: 'ChangeSettings', changes: { max_users: 200 } })
  const people = new Set(lines.map((line) => line.account))
  for (const person of people)
    await space(account('carol'), {
      type: 'GrantPermission',
      account: person,
      permission: 'access',
      reason: null,
    })
  for (const line of lines) {
    http.clock.ms = Date.parse(line.t)
    const by = account(line.account)
    const sessionId = sessions.get(line.account)
    if (line.kind === 'join') {
      sessions.set(line.account, `s${line.seq}`)
      const place = { x: (line.seq % 9) - 4, y: 0, z: (line.seq % 5) - 2 }
      const socket = { sessionId: `s${line.seq}`, socketId: `k${line.seq}`, boot: 'boot-1' }
      await space(by, { type: 'JoinSpace', ...socket, subspace: 'main', position: place, avatarData: null })
    } else if (line.kind === 'leave' && sessionId !== undefined) {
      sessions.delete(line.account)
      await space(by, { type: 'LeaveSpace', sessionId, reason: 'left' })
    } else if (line.kind === 'chat') {
      const said = {
        messageId: id(),
        subspace: 'main',
        content: String(line.content),
        messageType: 'text',
      }
      const command = { type: 'PostMessage' as const, ...said, parentMessageId: null }
      await http.commands.chat({ by, command, space: EVENING, id: id() })()
    }
  }
  http.clock.ms = now
}

/** In `document:1` (public, alice's) and `document:2` (private, bob's) alike. */
const giveRoles = async (http: TestHttp): Promise<void> => {
  for (const [id, owner] of [
    ['1', 'alice'],
    ['2', 'bob'],
  ] as const) {
    const put = async (path: string, payload: object) => {
      const url = `/api/spaces/document/${id}${path}`
      const answer = await http.app.inject({ method: 'PUT', url, payload, headers: http.bearer(owner) })
      if (answer.statusCode !== 200) throw new Error(answer.body)
    }
    await put('/permissions/heidi', { permission: 'admin' })
    await put('/permissions/ivan', { permission: 'moderate' })
    await put('/permissions/judy', { permission: 'access', reason: 'a friend' })
    await put('/bans/mallory', { reason: 'spam' })
    for (const who of [owner, 'judy', 'ivan'])
      await http.app.inject({
        method: 'POST',
        url: `/api/chat/document/${id}/messages`,
        payload: { content: `words of ${who}` },
        headers: http.bearer(who),
      })
  }
  // Somebody who may not: the refusal is on the record too.
  const refused = { method: 'PUT' as const, url: '/api/spaces/document/1/bans/judy', payload: {} }
  await http.app.inject({ ...refused, headers: http.bearer('peggy') })
}

export type TestConsole = { readonly http: TestHttp; readonly url: string }

export const testConsole = async (): Promise<TestConsole> => {
  const http = await testHttp({}, (app, hive) => {
    startPage(app, { hiveStandIn: hive.url })
    consolePage(app)
  })
  await replayEvening(http)
  await giveRoles(http)
  await http.settled()
  return { http, url: await http.app.listen({ host: '127.0.0.1', port: 0 }) }
}
