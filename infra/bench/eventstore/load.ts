/** The load of the event store's benchmark: events as the product writes them, callers that wait for an answer, clocks. */
import { spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { NewEvent } from '../../../domain/ports.ts'
import { ownShare, processorSeconds } from '../figures.ts'

const here = (file: string) => fileURLToPath(new URL(file, import.meta.url))

const metadata = {
  $correlationId: randomUUID(),
  $causationId: randomUUID(),
  command: { id: randomUUID(), type: 'PostMessage' },
  actor: { kind: 'account', id: 'alice' },
  node: 'node-1',
  at: new Date().toISOString(),
  schema: 1,
  client: { ip: '192.0.2.1', userAgent: 'Mozilla/5.0 (X11; Linux x86_64)' },
}
export const someEvent = (n: number): NewEvent => ({
  id: randomUUID(),
  type: 'MessagePosted',
  data: { messageId: randomUUID(), content: `hello there, this is message ${n}`, subspace: 'main' },
  metadata,
})
export const someEvents = (count: number): NewEvent[] => Array.from({ length: count }, (_, n) => someEvent(n))

export type MeasuredLoad = {
  readonly rate: number
  readonly seconds: number
  /** The share of a core that this process, and the server, used. */
  readonly client: number
  readonly server: number
  /** How many calls were answered together on average: if the server commits in groups, the size of a commit. */
  readonly together: number
}

/** Runs `callers` that each wait for an answer before their next call, `calls` in all, with `each` events per call. */
export type LoadShape = { readonly callers: number; readonly calls: number; readonly each: number }

export const closedLoop = async (
  pid: number,
  { callers, calls, each }: LoadShape,
  call: (n: number) => Promise<unknown>,
): Promise<MeasuredLoad> => {
  let n = 0
  let turns = 0
  let isTurn = false
  const share = ownShare()
  const used = processorSeconds(pid)
  const begun = performance.now()
  await Promise.all(
    Array.from({ length: callers }, async () => {
      while (n < calls) {
        await call(n++)
        if (isTurn) continue
        isTurn = true
        turns += 1
        setImmediate(() => {
          isTurn = false
        })
      }
    }),
  )
  const seconds = (performance.now() - begun) / 1000
  return {
    rate: (calls * each) / seconds,
    seconds,
    client: share(),
    server: (processorSeconds(pid) - used) / seconds,
    together: calls / turns,
  }
}

/** Measures how long it takes to read `count` events, and the processor time of both sides. */
export const timed = async (
  pid: number,
  count: number,
  act: () => Promise<unknown>,
): Promise<MeasuredLoad> => {
  const share = ownShare()
  const used = processorSeconds(pid)
  const begun = performance.now()
  await act()
  const seconds = (performance.now() - begun) / 1000
  return {
    rate: count / seconds,
    seconds,
    client: share(),
    server: (processorSeconds(pid) - used) / seconds,
    together: 1,
  }
}

export const median = <A>(values: ReadonlyArray<A>, by: (value: A) => number): A =>
  [...values].sort((a, b) => by(a) - by(b))[Math.floor(values.length / 2)]!

/** The output of raw.ts. */
export const raw = async <A>(...args: ReadonlyArray<string | number>): Promise<A> => {
  const child = spawn(process.execPath, [here('./raw.ts'), ...args.map(String)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [line] = (await once(createInterface({ input: child.stdout }), 'line')) as [string]
  if (child.exitCode === null) await once(child, 'exit')
  return JSON.parse(line) as A
}

/** The node that stores nothing, or, with a `file`, nothing but the bytes that came. `frame`: what it returns for each event that is read. */
export const nothing = async (frame: Buffer, file?: string) => {
  const args = [here('./nothing.ts'), frame.toString('base64'), ...(file === undefined ? [] : [file])]
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  const [line] = (await once(createInterface({ input: child.stdout }), 'line')) as [string]
  return {
    url: `esdb://127.0.0.1:${line.split(' ')[1]}?tls=false`,
    pid: child.pid!,
    stop: async () => {
      child.kill('SIGTERM')
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
    },
  }
}

/** Megabytes that a process holds. */
export const held = (pid: number): number =>
  Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1]) / 1024
