/** Programs that tests need and npm doesn't bring: installed from Debian if they are missing and that is allowed. */
import { spawnSync } from 'node:child_process'
import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'
import { helmProgram } from '../helm.ts'

/** By the program that a test starts: the Debian package it comes with. */
const PACKAGE_OF: Readonly<Record<string, string>> = {
  'redis-server': 'redis-server',
  turnserver: 'coturn',
  caddy: 'caddy',
  haproxy: 'haproxy',
  chromium: 'chromium',
  pgbouncer: 'pgbouncer',
  janus: 'janus',
}
/** Chromium is large, so it comes only where a test asks for it. */
export const programs = [...Object.keys(PACKAGE_OF), 'helm']

const PATH = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin']

const isInstalled = (program: string): boolean =>
  PATH.some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK)
      return true
    } catch {
      return false
    }
  })

const shell = (command: ReadonlyArray<string>): boolean =>
  spawnSync(command[0] ?? '', command.slice(1), {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
  }).status === 0

/** Root may install, and so may a user with sudo without a password. */
const asRoot = (): ReadonlyArray<string> | null => {
  if (process.getuid?.() === 0) return []
  return isInstalled('sudo') && spawnSync('sudo', ['-n', 'true'], { stdio: 'ignore' }).status === 0
    ? ['sudo', '-n', '--preserve-env=DEBIAN_FRONTEND']
    : null
}

/** Debian has no Helm: it comes by npm. A sentence where it doesn't. */
const withoutHelm = (): ReadonlyMap<string, string> => {
  try {
    helmProgram()
    return new Map()
  } catch {
    return new Map([
      ['helm', 'Helm is not installed, and npm did not bring it: install it, or name it by HELM'],
    ])
  }
}

/** What is still missing after trying, each with a sentence that says what to do. */
export const installMissing = (
  needed: ReadonlyArray<string>,
  say: (line: string) => void,
): ReadonlyMap<string, string> =>
  new Map([
    ...fromDebian(
      needed.filter((program) => program !== 'helm'),
      say,
    ),
    ...(needed.includes('helm') ? withoutHelm() : []),
  ])

const fromDebian = (
  needed: ReadonlyArray<string>,
  say: (line: string) => void,
): ReadonlyMap<string, string> => {
  const missing = needed.filter((program) => !isInstalled(program))
  if (missing.length === 0) return new Map()
  const packages = missing.map((program) => PACKAGE_OF[program] ?? program)
  const byHand = `sudo apt-get install -y --no-install-recommends ${packages.join(' ')}`
  const root = asRoot()
  if (!isInstalled('apt-get'))
    say(`missing: ${packages.join(', ')}, and this is no Debian: install them as this machine does.`)
  else if (root === null)
    say(`missing: ${packages.join(', ')}, and only root may install them. Run: ${byHand}`)
  else {
    say(`installing ${packages.join(', ')} (apt-get)`)
    const install = ['apt-get', 'install', '-y', '-qq', '--no-install-recommends', ...packages]
    if (!shell([...root, ...install])) {
      shell([...root, 'apt-get', 'update', '-qq'])
      if (!shell([...root, ...install])) say(`apt-get could not install them. Run: ${byHand}`)
    }
  }
  return new Map(
    missing
      .filter((program) => !isInstalled(program))
      .map((program) => [
        program,
        `${program} is not installed: sudo apt-get install -y --no-install-recommends ${PACKAGE_OF[program] ?? program}`,
      ]),
  )
}
