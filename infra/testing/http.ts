/** The HTTP server over the real command path, real proofs and real content, with the real projector and read
 *  models behind a log in memory. For tests alone. */
import { randomUUID } from 'node:crypto'
import type { FastifyInstance } from 'fastify'
import * as E from 'fp-ts/lib/Either.js'
import { Registry } from 'prom-client'
import { type Auth, createAuth } from '../../adapters/auth/authenticate.ts'
import { createAuthStore } from '../../adapters/auth/store.ts'
import { createContent } from '../../adapters/content/content.ts'
import { loadSampleContent } from '../../adapters/content/load.ts'
import { createHive } from '../../adapters/hive/hive.ts'
import { createLooks } from '../../adapters/http/audit-reads.ts'
import type { Checks, HttpConfig, HttpDeps } from '../../adapters/http/deps.ts'
import { createHttp } from '../../adapters/http/http.ts'
import { undocumented } from '../../adapters/http/testing/documented.ts'
import { createLogger } from '../../adapters/logger.ts'
import { readApiKey, withServices } from '../../adapters/outside/keys.ts'
import { createOutside } from '../../adapters/outside/registry.ts'
import { createPostgresPool } from '../../adapters/postgres/pool.ts'
import { createProofs } from '../../adapters/postgres/proofs.ts'
import { createReadModels } from '../../adapters/postgres/read-models.ts'
import { type AskedWitnesses, createWitnesses } from '../../adapters/postgres/witnesses.ts'
import { createTurn } from '../../adapters/turn/turn.ts'
import { createCommands } from '../../apps/commands/commands.ts'
import { createMomentWriter } from '../../apps/operations/keep/moment-writer.ts'
import { runProjector } from '../../apps/projector/projector.ts'
import { evidenceFrom } from '../../apps/server/evidence.ts'
import { webhookKeyOf } from '../../apps/server/webhooks.ts'
import { STREAM_PREFIXES } from '../../domain/names.ts'
import type { Clock, Commands } from '../../domain/ports.ts'
import { createMoments } from '../../projections/history/moments.ts'
import { type Signer, signerOf, verifierOf } from '../../projections/proof/note.ts'
import type { WitnessPlace } from '../../projections/proof/witnesses.ts'
import { devKeys, signAs } from '../hive/keys.ts'
import { type HiveStandIn, startHiveStandIn } from '../hive/stand-in.ts'
import { type MemoryLog, memoryLog } from './memory-log.ts'
import { testDatabase } from './postgres.ts'

export type TestHttp = {
  readonly app: FastifyInstance
  readonly auth: Auth
  readonly commands: Commands
  readonly log: MemoryLog
  readonly hive: HiveStandIn
  readonly databaseUrl: string
  readonly clock: Clock & { ms: number }
  /** Who cosigns the log: nobody, until a test adds somebody to `places`. */
  readonly witnesses: AskedWitnesses & { readonly places: WitnessPlace[] }
  /** What the server was given. */
  readonly deps: HttpDeps
  /** Everything logged so far, a line each. */
  readonly lines: ReadonlyArray<string>
  /** What `/api/health` collects; a test may change it. */
  checks: Checks
  readonly bearer: (account: string) => { readonly authorization: string }
  readonly guest: (id?: string) => { readonly authorization: string }
  /** The four DLUX headers. */
  readonly signed: (account: string) => Record<string, string>
  /** Until the tables hold all that is on the log. */
  readonly settled: () => Promise<void>
  readonly close: () => Promise<void>
}

const SECRET = 'for-tests-only-0123456789abcdef0123456789abcdef'

/** Of the log's checkpoints. */
export const SIGNER: Signer = signerOf('presence.test/log', Buffer.alloc(32, 9))

/** `more`: what the server has beside the API, such as a page. `checked`: whether each answer is held against the
 *  documentation, which costs more than many an answer. */
export const testHttp = async (
  over: Partial<HttpConfig> = {},
  more: (app: FastifyInstance, hive: HiveStandIn) => void = () => {},
  { checked = true } = {},
): Promise<TestHttp> => {
  const database = await testDatabase()
  await loadSampleContent(database.url)
  const standIn = await startHiveStandIn()
  const clock = { ms: Date.now(), now: () => clock.ms }
  const systemAdmins = ['admin-one']
  const store = await createAuthStore({ url: database.url })
  const hive = createHive({ nodes: [standIn.url], clock, allowStandIn: true, timeoutMs: 10_000 })
  const ofTables = await createContent({ url: database.url, systemAdmins, clock, hive, hivePosts: true })
  const log = memoryLog()
  const ids = { uuid: () => randomUUID() }
  const outside = createOutside({ log, clock, ids, nodeId: 'node-1' })
  const content = withServices(ofTables, outside, clock)
  const auth = createAuth({
    hive,
    services: (key, now) => readApiKey(outside, key, now),
    store,
    clock,
    secret: SECRET,
    ttlSeconds: 3_600,
    headerMaxAgeSeconds: 86_400,
  })
  const quiet = { info: () => {}, warn: () => {}, error: () => {} }
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
  const projector = runProjector({ log, databaseUrl: database.url })
  const pool = await createPostgresPool(database.url, { maxConnections: 6 })
  const readModels = createReadModels(pool)
  const lines: string[] = []
  const logger = createLogger('debug', { write: (line: string) => void lines.push(line) })
  const fine = { ok: true, vital: true }
  const places: WitnessPlace[] = []
  const witnesses = { ...createWitnesses({ pool, log: verifierOf(SIGNER), places }), places }
  const test: TestHttp = {
    app: undefined as unknown as FastifyInstance,
    deps: undefined as unknown as HttpDeps,
    auth,
    commands,
    log,
    hive: standIn,
    databaseUrl: database.url,
    witnesses,
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
    settled: async () => {
      const last = log.all().findLast(({ stream }) => STREAM_PREFIXES.some((one) => stream.startsWith(one)))
      if (last === undefined) return
      const reached = await readModels.waitFor(last.position, 10_000)()
      if (E.isLeft(reached) || !reached.right) throw new Error('the tables did not catch up')
    },
    close: async () => {
      await test.app.close()
      await projector.stop()
      await readModels.close()
      await pool.end()
      if ('close' in commands && typeof commands.close === 'function') await commands.close()
      await outside.stop()
      await ofTables.stop()
      await store.stop()
      await standIn.close()
      await database.drop()
    },
  }
  const proofs = createProofs({ pool, signer: SIGNER, clock, everyMs: 0 })
  const deps: HttpDeps = {
    config: {
      nodeId: 'node-1',
      publicUrl: 'http://localhost:3000',
      corsOrigins: ['https://dlux.io', 'https://*.ipfs.dlux.io'],
      trustProxy: [],
      systemAdmins,
      auditors: ['auditor'],
      version: '0.0.1',
      requestsPerMinute: 1_000_000,
      ...over,
    },
    commands,
    content,
    readModels,
    proofs,
    witnesses,
    evidence: evidenceFrom({
      stored: log,
      log: { open: (events) => events },
      databaseUrl: database.url,
      signer: SIGNER,
      clock,
      proofs,
    }),
    moments: createMoments(log, { keep: createMomentWriter(log).keep }),
    feedLog: log,
    outside,
    webhookKey: webhookKeyOf('0'.repeat(64)),
    looks: createLooks({ log, clock, ids, nodeId: 'node-1' }),
    auth,
    turn: createTurn({ secret: 'turn-secret', hosts: ['turn.dlux.io'], ttlSeconds: 600, clock }),
    health: async () => test.checks,
    clock,
    ids,
    logger,
    metrics: new Registry(),
  }
  const app = await createHttp(deps)
  let document: object | null = null
  app.addHook('onSend', async (request, reply, payload) => {
    if (!checked) return
    const { url } = request.routeOptions
    const isJson = String(reply.getHeader('content-type')).startsWith('application/json')
    if (url === undefined || /^\/(docs|page|console)/.test(url) || !isJson || typeof payload !== 'string')
      return
    document ??= (await app.inject('/docs/json')).json<object>()
    const wrong = undocumented(
      document,
      { method: request.method, url },
      { status: reply.statusCode, body: JSON.parse(payload) },
    )
    if (wrong.length === 0) return
    console.error(`Not as documented: ${wrong.slice(0, 5).join('; ')}.`)
    throw new Error('An answer is not as documented.')
  })
  await app.register(async (scope) => more(scope, standIn))
  await app.ready()
  return Object.assign(test, { app, deps })
}
