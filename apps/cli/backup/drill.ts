/** `presence backup verify`: restores a backup in a spare place and verifies the record there, since a backup is only
 *  worth something if it can be restored. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { leaveTables } from '../../operations/backup/left-tables.ts'
import { checkedBackup, importLogTo, restoreLogTo, restoreTables } from '../../operations/backup/restore.ts'
import { readEndpoints } from '../../operations/instance/endpoints.ts'
import { logDirOf } from '../../operations/instance/log-backup.ts'
import type { Io } from '../command.ts'
import { progressTo } from '../progress.ts'

export type DrillOptions = {
  readonly folder: string
  /** An empty database; null: one of the spare place's own. */
  readonly databaseUrl: string | null
  readonly secrets: Readonly<Record<string, string | undefined>>
  readonly io: Io
}

const program = (path: string): string => fileURLToPath(new URL(`../../../${path}`, import.meta.url))
const LONGEST_START_MS = 120_000

/** The spare place must not see the rest of the environment, or it would follow and call other systems like this one. */
const environment = (more: Readonly<Record<string, string | undefined>>): NodeJS.ProcessEnv => ({
  PATH: process.env.PATH,
  NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE,
  HOME: process.env.HOME,
  TMPDIR: process.env.TMPDIR,
  NODE_ENV: 'development',
  ...more,
})

type Child = {
  readonly output: () => string
  readonly isOver: () => boolean
  readonly stop: () => Promise<void>
}
const start = (args: ReadonlyArray<string>, env: NodeJS.ProcessEnv): Child => {
  const child = spawn(process.execPath, [...args], { stdio: ['ignore', 'pipe', 'pipe'], env })
  let output = ''
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => {
      output = `${output}${chunk}`.slice(-100_000)
    })
  const isOver = () => child.exitCode !== null || child.signalCode !== null
  return {
    output: () => output,
    isOver,
    stop: async () => {
      if (isOver()) return
      child.kill('SIGTERM')
      await once(child, 'exit')
    },
  }
}
const until = async <A>(child: Child, look: () => A | null | undefined): Promise<A> => {
  for (const end = Date.now() + LONGEST_START_MS; Date.now() < end; await delay(50)) {
    const found = look()
    if (found !== null && found !== undefined) return found
    if (child.isOver()) throw new Error(`The spare place did not start:\n${child.output()}`)
  }
  throw new Error('The spare place did not start in time.')
}

const shownOn = (io: Io) => {
  const progress = progressTo(io)
  return {
    told: (what: string, share?: number) => progress.at({ what, share: share ?? null }),
    end: progress.end,
  }
}

/** A backup of events goes into a node of the spare place, which is stopped again. */
const importInto = async (folder: string, dir: string, io: Io): Promise<void> => {
  const node = start([program('infra/eventstore/start.js'), '--port', '0', '--data', dir], environment({}))
  try {
    const url = await until(node, () => /^eventstore ready (esdb:\S+)/m.exec(node.output())?.[1])
    await importLogTo(folder, await checkedBackup(folder), url, shownOn(io).told)
  } finally {
    await node.stop()
  }
}

const run = async (args: ReadonlyArray<string>, env: NodeJS.ProcessEnv, io: Io): Promise<number> => {
  const child = spawn(process.execPath, [program('apps/cli/main.ts'), ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env,
  })
  child.stdout.on('data', (text: Buffer) => io.out(String(text).trimEnd()))
  child.stderr.on('data', (text: Buffer) => io.err(String(text).trimEnd()))
  const [code] = (await once(child, 'close')) as [number | null]
  return code ?? 1
}

/** Ends with the code of `audit verify` there. */
export const drill = async ({ folder, databaseUrl, secrets, io }: DrillOptions): Promise<number> => {
  const manifest = await checkedBackup(folder)
  io.err(`every file is what was backed up: ${manifest.log.events} events`)
  const dataDir = mkdtempSync(join(tmpdir(), 'presence-drill-'))
  const env = environment({
    ...secrets,
    ...(databaseUrl === null ? {} : { DATABASE_URL: databaseUrl }),
    ...(manifest.origin === null ? {} : { AUDIT_ORIGIN: manifest.origin }),
    DATA_DIR: dataDir,
    HOST: '127.0.0.1',
    PORT: '0',
    LOG_LEVEL: 'warn',
  })
  let place: Child | null = null
  try {
    if (manifest.log.form === 'copy')
      await restoreLogTo(folder, manifest, logDirOf(dataDir), shownOn(io).told)
    else await importInto(folder, logDirOf(dataDir), io)
    if (databaseUrl === null) leaveTables(folder, manifest, dataDir)
    else await restoreTables(folder, manifest, databaseUrl, null)
    io.err('starting the spare place')
    place = start([program('apps/embedded/main.ts')], env)
    const at = place
    await until(at, () => readEndpoints(dataDir))
    const code = await run(['audit', 'verify'], env, io)
    io.data?.({ folder, events: manifest.log.events, holds: code === 0 })
    io.out(
      code === 0 ? 'The backup was put back into a spare place, and holds.' : 'The backup does not hold.',
    )
    return code
  } finally {
    await place?.stop()
    rmSync(dataDir, { recursive: true, force: true })
  }
}
