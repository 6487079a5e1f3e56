/** The HTTP server over the real command path, real proofs and real content, with the log in memory and read models
 *  folded from it at once. For tests alone. */
import { randomUUID } from 'node:crypto'
import type { FastifyInstance } from 'fastify'
import * as E from 'fp-ts/lib/Either.js'
import { Registry } from 'prom-client'
import { createCommands } from '../../apps/commands/commands.ts'
import { type MemoryLog, memoryLog } from '../../apps/commands/testing/memory-log.ts'
import { parseSpaceKey, type SpaceRef, spaceKey, streamName } from '../../domain/names.ts'
import type { Clock, Commands } from '../../domain/ports.ts'
import { spaceDecider } from '../../domain/space/decider.ts'
import type { SpaceEvent } from '../../domain/space/events.ts'
import type { SpaceState } from '../../domain/space/state.ts'
import { devKeys, signAs } from '../../infra/hive/keys.ts'
import { type HiveStandIn, startHiveStandIn } from '../../infra/hive/stand-in.ts'
import { testDatabase } from '../../infra/testing/postgres.ts'
import type { AuditRow, MessageRow, ReadModels } from '../../projections/read-models.ts'
import { type Auth, createAuth } from '../auth/authenticate.ts'
import { createAuthStore } from '../auth/store.ts'
import { createContent } from '../content/content.ts'
import { loadSampleContent } from '../content/load.ts'
import { createHive } from '../hive/hive.ts'
import { createTurn } from '../turn/turn.ts'
import type { Checks, HttpConfig } from './deps.ts'
import { createHttp } from './http.ts'
import { createLogger } from './logger.ts'

type Meta = { actor: { kind: string; id: string }; command: { id: string }; client?: { ip?: string } }

const stateOf = (log: MemoryLog, space: SpaceRef): SpaceState =>
  log
    .stream(streamName('space', space))
    .reduce(
      (state, { type, data }) => spaceDecider.evolve(state, { type, data } as SpaceEvent),
      spaceDecider.initial(),
    )

const messagesOf = (log: MemoryLog, space: SpaceRef): ReadonlyArray<MessageRow> => {
  const rows = new Map<string, MessageRow>()
  for (const event of log.stream(streamName('chat', space))) {
    const data = event.data as Record<string, string | null> & { messageId: string }
    const old = rows.get(data.messageId)
    if (event.type === 'MessagePosted')
      rows.set(data.messageId, {
        message_id: data.messageId,
        user_account: data.account ?? null,
        guest_id: data.guest ?? null,
        display_name: String(data.displayName),
        message_type: String(data.messageType),
        content: String(data.content),
        parent_message_id: null,
        thread_root_id: null,
        subspace: String(data.subspace),
        is_deleted: false,
        deleted_by: null,
        deleted_at: null,
        edited_at: null,
        created_at: String(data.at),
        timestamp: String(data.at),
        position: String(event.position),
        revision: String(event.revision),
        reactions: [],
      })
    else if (old && event.type === 'MessageEdited')
      rows.set(data.messageId, { ...old, content: String(data.content) })
    else if (old && event.type === 'MessageDeleted')
      rows.set(data.messageId, { ...old, content: '', is_deleted: true })
  }
  return [...rows.values()]
}

/** Enough of the read models for what HTTP asks. */
const readModelsOf = (log: MemoryLog): ReadModels => {
  const give = <A>(make: () => A) => {
    return async () => E.right(make())
  }
  const page = <A>(items: ReadonlyArray<A>, limit: number) => ({
    items: items.slice(0, limit),
    next_cursor: null,
  })
  const restrictions = (map: SpaceState['bans']) =>
    [...map].map(([subject, { by, reason, until, at }]) => ({
      subject,
      by: by.id,
      reason,
      until,
      created_at: at,
    }))
  return {
    waitFor: (position) => give(() => (log.all().at(-1)?.position ?? 0n) >= position),
    checkpoint: () => give(() => ({ position: log.all().at(-1)?.position ?? null, epoch: 1n, at: null })),
    listSpaces: () => give(() => ({ spaces: [], total: 0, next_cursor: null })),
    space: () => give(() => null),
    connectedUsers: (space) =>
      give(() =>
        [...stateOf(log, space).sessions.values()].map((s) => ({
          session_id: s.sessionId,
          socket_id: s.socketId,
          user_account: s.account,
          guest_id: s.guest,
          subspace: s.subspace,
          connected_at: s.joinedAt,
          last_activity: s.joinedAt,
          position: s.position,
          avatar_data: s.avatarData,
          voice_enabled: s.voice,
          node: 'n',
        })),
      ),
    subrooms: () => give(() => [{ subspace: 'main', active_users: 0 }]),
    settings: (space) =>
      give(() => ({
        space_type: space.type,
        space_id: space.id,
        ...stateOf(log, space).settings,
        updated_by: null,
        updated_at: null,
      })),
    permissions: (space, { limit }) =>
      give(() =>
        page(
          [...stateOf(log, space).grants].map(([user_account, { permission, by, reason, at }]) => ({
            user_account,
            permission,
            granted_by: by.id,
            reason,
            created_at: at,
          })),
          limit,
        ),
      ),
    bans: (space, { limit }) =>
      give(() =>
        page(
          restrictions(stateOf(log, space).bans).map(({ by, ...row }) => ({ ...row, banned_by: by })),
          limit,
        ),
      ),
    mutes: (space, { limit }) =>
      give(() =>
        page(
          restrictions(stateOf(log, space).mutes).map(({ by, ...row }) => ({ ...row, muted_by: by })),
          limit,
        ),
      ),
    messages: ({ space, limit, subspace }) =>
      give(() => {
        const rows = messagesOf(log, space).filter((row) => row.subspace === subspace)
        return { messages: rows.slice(-limit), has_more: rows.length > limit }
      }),
    message: () => give(() => null),
    sessionsOfBoot: () => give(() => []),
    boots: () => give(() => []),
    audit: ({ space, account, limit }) =>
      give(() => {
        const rows = [...log.all()].reverse().flatMap((event): AuditRow[] => {
          const key = event.stream.slice(event.stream.indexOf('-') + 1)
          const of = parseSpaceKey(key)
          const meta = event.metadata as Meta
          if (E.isLeft(of) || meta.actor === undefined) return []
          if (space !== undefined && key !== spaceKey(space)) return []
          const target = (event.data as { subject?: string; account?: string }).subject ?? null
          if (account !== undefined && meta.actor.id !== account && target !== account) return []
          return [
            {
              position: String(event.position),
              event_id: event.id,
              created_at: event.created.toISOString(),
              action: event.type,
              user_account: meta.actor.kind === 'account' ? meta.actor.id : null,
              guest_id: meta.actor.kind === 'guest' ? meta.actor.id : null,
              target,
              space_type: of.right.type,
              space_id: of.right.id,
              subspace: null,
              details: event.data,
              ip_address: meta.client?.ip ?? null,
              user_agent: null,
              command_id: meta.command.id,
              correlation_id: '',
              causation_id: '',
              stream: event.stream,
              revision: String(event.revision),
              hash: '',
              prev_hash: '',
            },
          ]
        })
        return page(rows, limit)
      }),
  }
}

export type TestHttp = {
  readonly app: FastifyInstance
  readonly auth: Auth
  readonly commands: Commands
  readonly log: MemoryLog
  readonly hive: HiveStandIn
  readonly clock: Clock & { ms: number }
  /** Everything logged so far, a line each. */
  readonly lines: ReadonlyArray<string>
  /** What `/api/health` collects; a test may change it. */
  checks: Checks
  readonly bearer: (account: string) => { readonly authorization: string }
  readonly guest: (id?: string) => { readonly authorization: string }
  /** The four DLUX headers. */
  readonly signed: (account: string) => Record<string, string>
  readonly close: () => Promise<void>
}

export const SECRET = 'for-tests-only-0123456789abcdef0123456789abcdef'

export const testHttp = async (over: Partial<HttpConfig> = {}): Promise<TestHttp> => {
  const database = await testDatabase()
  await loadSampleContent(database.url)
  const standIn = await startHiveStandIn()
  const clock = { ms: Date.now(), now: () => clock.ms }
  const systemAdmins = ['admin-one']
  const store = await createAuthStore({ url: database.url })
  const content = await createContent({ url: database.url, systemAdmins, clock })
  const hive = createHive({ nodes: [standIn.url], clock, allowStandIn: true, timeoutMs: 500 })
  const auth = createAuth({
    hive,
    store,
    clock,
    secret: SECRET,
    ttlSeconds: 3_600,
    headerMaxAgeSeconds: 86_400,
  })
  const log = memoryLog()
  const quiet = { info: () => {}, warn: () => {}, error: () => {} }
  const ids = { uuid: () => randomUUID() }
  const commands = createCommands({
    log,
    content,
    clock,
    ids,
    node: { id: 'node-1', boot: 'boot-1' },
    messageLookup: () => async () => E.right(new Map()),
    logger: quiet,
    limits: 'off',
  })
  log.follow((event) => commands.observe(event))
  const lines: string[] = []
  const logger = createLogger('debug', { write: (line: string) => void lines.push(line) })
  const fine = { ok: true, vital: true }
  const test: TestHttp = {
    app: undefined as unknown as FastifyInstance,
    auth,
    commands,
    log,
    hive: standIn,
    clock,
    lines,
    checks: { eventstore: fine, postgres: fine, projections: fine, redis: fine, turn: fine },
    bearer: (account) => ({ authorization: `Bearer ${auth.issue({ kind: 'account', id: account }).token}` }),
    guest: (id = 'guest:0123456789ab') => ({
      authorization: `Bearer ${auth.issue({ kind: 'guest', id }).token}`,
    }),
    signed: (account) => {
      const challenge = String(Math.floor(clock.ms / 1_000))
      return {
        'x-account': account,
        'x-challenge': challenge,
        'x-pubkey': devKeys(account).posting.public,
        'x-signature': signAs(account, challenge),
      }
    },
    close: async () => {
      await test.app.close()
      if ('close' in commands && typeof commands.close === 'function') await commands.close()
      await content.stop()
      await store.stop()
      await standIn.close()
      await database.drop()
    },
  }
  const app = await createHttp({
    config: {
      nodeId: 'node-1',
      publicUrl: 'http://localhost:3000',
      corsOrigins: ['https://dlux.io'],
      trustProxy: [],
      systemAdmins,
      auditors: ['auditor'],
      version: '0.0.1',
      requestsPerMinute: 1_000_000,
      ...over,
    },
    commands,
    content,
    readModels: readModelsOf(log),
    auth,
    turn: createTurn({ secret: 'turn-secret', hosts: ['turn.dlux.io'], ttlSeconds: 600, clock }),
    health: async () => test.checks,
    clock,
    ids,
    logger,
    metrics: new Registry(),
  })
  await app.ready()
  return Object.assign(test, { app })
}
