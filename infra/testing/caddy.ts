/** A real Caddy on the project's own Caddyfile, for one test file (`// needs: caddy`). */
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { freePort } from '../postgres/embedded.ts'

export const CADDYFILE = fileURLToPath(new URL('../caddy/Caddyfile', import.meta.url))

const environment = (folder: string) => ({
  PATH: process.env.PATH,
  HOME: folder,
  XDG_DATA_HOME: folder,
  XDG_CONFIG_HOME: folder,
})
const scratch = () => mkdtempSync(join(tmpdir(), 'presence-caddy-'))
const drop = (folder: string) => rmSync(folder, { recursive: true, force: true })

/** What Caddy finds wrong with the file when it serves `site`; '' for nothing. */
export const complaintsOf = (site: string): string => {
  const folder = scratch()
  try {
    const { status, stderr } = spawnSync(
      'caddy',
      ['validate', '--config', CADDYFILE, '--adapter', 'caddyfile'],
      { env: { ...environment(folder), SITE: site }, encoding: 'utf8' },
    )
    return status === 0 ? '' : stderr
  } finally {
    drop(folder)
  }
}

export type TestCaddy = { readonly url: string; readonly pid: number; readonly stop: () => Promise<void> }

/** Before the servers that `upstream` has an address for, each on `port`. `file`: another than the project's own. */
export const testCaddy = async (
  upstream: string,
  port: number,
  file: string = CADDYFILE,
): Promise<TestCaddy> => {
  const folder = scratch()
  const url = `http://127.0.0.1:${await freePort()}`
  const caddy = spawn('caddy', ['run', '--config', file, '--adapter', 'caddyfile'], {
    env: {
      ...environment(folder),
      SITE: url,
      UPSTREAM: upstream,
      UPSTREAM_PORT: String(port),
      CADDY_ADMIN: `127.0.0.1:${await freePort()}`,
    },
    stdio: 'ignore',
  })
  const exited = once(caddy, 'exit')
  const stop = async () => {
    caddy.kill('SIGKILL')
    await exited
    drop(folder)
  }
  const end = Date.now() + 45_000
  /** 503: it runs, and has no server yet that it could ask. */
  const answers = () =>
    fetch(url).then(
      ({ status }) => status !== 503,
      () => false,
    )
  while (!(await answers())) {
    if (Date.now() < end && caddy.exitCode === null) continue
    await stop()
    throw new Error('Caddy did not start')
  }
  return { url, pid: caddy.pid!, stop }
}
