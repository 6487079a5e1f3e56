/** `npm start`: everything on this machine, on real services, with nothing to set up. */
import { mkdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import * as E from 'fp-ts/lib/Either.js'
import { createDisplay } from './display.ts'
import { readSettings } from './settings.ts'
import { type Running, startAll } from './supervisor.ts'

const root = fileURLToPath(new URL('../../', import.meta.url))
const { version } = JSON.parse(readFileSync(`${root}package.json`, 'utf8'))
const begun = performance.now()

/** A database's address in a form that may be shown. */
const withoutPassword = (url: string): string => url.replace(/^([a-z]+:\/\/[^:@/]*):[^@/]*@/, '$1@')

const fail = (sentences: ReadonlyArray<string>): never => {
  for (const sentence of sentences) process.stderr.write(`${sentence}\n`)
  process.exit(1)
}

const settings = readSettings(process.env)
if (E.isLeft(settings)) fail(settings.left)
else {
  const { dataDir } = settings.right
  const display = createDisplay(process.stdout)
  // Compiled code of the parts, kept from one start to the next.
  const cache = `${root}node_modules/.cache/compiled`
  const env = { ...process.env, NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE ?? cache }
  try {
    mkdirSync(cache, { recursive: true })
  } catch {
    // It is installed where this user may not write: then each start compiles again.
  }

  let running: Running | null = null
  const starting = new AbortController()
  let asked = 0
  const stop = async (): Promise<void> => {
    asked++
    if (asked > 1) return display.say('still stopping: what was said is being written')
    display.say('stopping …')
    if (!running) return starting.abort()
    await running.stop()
    display.say('stopped')
    process.exit(0)
  }
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => void stop())

  // npm and its shell end on a signal without passing it on: if our parent changes, it is gone.
  const parent = process.ppid
  if (process.env.npm_lifecycle_event === 'start')
    setInterval(() => {
      if (process.ppid !== parent && asked === 0) void stop()
    }, 500).unref()

  display.say(`DLUX Presence ${version}`)
  try {
    running = await startAll(settings.right, env, display, { signal: starting.signal })
  } catch (error) {
    if (asked > 0) {
      display.say('stopped')
      process.exit(0)
    }
    fail([(error as Error).message])
  }
  if (running) {
    // Stopping was requested between the last part's start and now.
    if (asked > 0) {
      asked = 0
      await stop()
    }
    const { url, localUrl, eventStoreUrl, databaseUrl, hiveStandIn, hiveNode } = running.endpoints()
    display.say(`\nup in ${((performance.now() - begun) / 1000).toFixed(1)} s\n`)
    display.table([
      ['open', url],
      ...(localUrl === undefined || url === localUrl ? [] : [['here', localUrl] as const]),
      ['API', `${url}/docs`],
      ['log', eventStoreUrl],
      ['tables', withoutPassword(databaseUrl)],
      ['data', `${dataDir} (logs in logs/, secrets in secrets.json)`],
      ['Hive', hiveStandIn ? 'a stand-in: log in as any made-up account' : hiveNode],
      ['stop', 'Ctrl-C'],
    ])
    display.say('')
  }
}
