/** The two servers that are measured, each started afresh and stopped by its own handle. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { devKeys, signAs } from '../hive/keys.ts'
import type { Member } from './chat.ts'
import { spread } from './client.ts'

const here = (file: string) => fileURLToPath(new URL(file, import.meta.url))

export type Measured = {
  readonly name: string
  readonly url: string
  /** Of the process that holds the sockets. */
  readonly pid: number
  readonly member: (index: number) => Member
  readonly stop: () => Promise<void>
}

const stop = async (child: ChildProcess): Promise<void> => {
  if (child.exitCode !== null) return
  child.kill('SIGTERM')
  await once(child, 'exit')
}

export const plain = async (): Promise<Measured> => {
  const child = spawn(
    process.execPath,
    ['--expose-gc', '--import', here('./collect.ts'), here('./plain-server.ts')],
    {
      stdio: ['pipe', 'pipe', 'inherit'],
    },
  )
  const [line] = (await once(createInterface({ input: child.stdout! }), 'line')) as [string]
  return {
    name: 'plain Socket.IO',
    url: line.replace('listening on ', ''),
    pid: child.pid!,
    member: (index) => ({ auth: { account: accountOf(index) }, account: accountOf(index) }),
    stop: () => stop(child),
  }
}

export const accountOf = (index: number): string => `bench-u${index.toString(36).padStart(4, '0')}`
export const BENCH_OWNER = 'bench-owner'

/** What `npm start` starts, on a data folder of its own, with `accounts` signed in beforehand. */
export const whole = async (accounts: number): Promise<Measured & { readonly ownerToken: string }> => {
  const dataDir = mkdtempSync(join(tmpdir(), 'presence-bench-'))
  const child = spawn(process.execPath, [here('../../apps/embedded/main.ts')], {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: {
      ...process.env,
      DATA_DIR: dataDir,
      PORT: '0',
      SYSTEM_ADMINS: BENCH_OWNER,
      LOG_LEVEL: 'warn',
      SERVER_NODE_OPTIONS: `--expose-gc --import ${here('./collect.ts')}`,
    },
  })
  const endpoints = await waitForEndpoints(join(dataDir, 'endpoints.json'), child)
  const url = endpoints.url
  const tokenOf = async (account: string): Promise<string> => {
    const challenge = String(Math.floor(Date.now() / 1000))
    const signature = signAs(account, challenge)
    const publicKey = devKeys(account).posting.public
    for (;;) {
      const response = await fetch(`${url}/api/auth/session`, {
        method: 'POST',
        headers: {
          'x-account': account,
          'x-challenge': challenge,
          'x-pubkey': publicKey,
          'x-signature': signature,
        },
      })
      const answer = (await response.json()) as { token: string; code?: string; error?: string }
      if (response.ok) return answer.token
      if (response.status !== 429)
        throw new Error(`${account} could not sign in: ${answer.code} ${answer.error}`)
      await new Promise((resolve) =>
        setTimeout(resolve, 1000 * Number(response.headers.get('retry-after') ?? 1)),
      )
    }
  }
  const tokens = await spread(accounts, 8, (index) => tokenOf(accountOf(index)))
  return {
    name: 'DLUX Presence',
    url,
    pid: endpoints.pids.server,
    ownerToken: await tokenOf(BENCH_OWNER),
    member: (index) => ({ auth: { token: tokens[index] }, account: accountOf(index) }),
    stop: async () => {
      await stop(child)
      rmSync(dataDir, { recursive: true, force: true })
    },
  }
}

type Endpoints = { readonly url: string; readonly pids: { readonly server: number } }
const waitForEndpoints = async (file: string, child: ChildProcess): Promise<Endpoints> => {
  for (;;) {
    if (child.exitCode !== null) throw new Error('The server did not start.')
    try {
      const endpoints = JSON.parse(readFileSync(file, 'utf8')) as Endpoints
      if ((await fetch(`${endpoints.url}/api/health`)).ok) return endpoints
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
  }
}
