/** Programs that tests need and npm doesn't bring: installed from Debian if they are missing and that is allowed. */
import { spawnSync } from 'node:child_process'
import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'
import { helmProgram } from '../helm.ts'

/** Chromium without windows: the same pages for less processor. Not every machine has it, and then the whole one is used. */
const HEADLESS = 'chromium-headless-shell'
const HEADLESS_FOLDER = '/usr/lib/chromium'
/** By the program that a test starts: the Debian package it comes with. */
const PACKAGE_OF: Readonly<Record<string, string>> = {
  'redis-server': 'redis-server',
  turnserver: 'coturn',
  caddy: 'caddy',
  haproxy: 'haproxy',
  chromium: HEADLESS,
  pgbouncer: 'pgbouncer',
  janus: 'janus',
}
/** Chromium is large, so it comes only where a test asks for it. */
export const programs = [...Object.keys(PACKAGE_OF), 'helm']

const PATH = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin']

const programAt = (program: string, folders: ReadonlyArray<string> = PATH): string | null =>
  folders
    .map((folder) => join(folder, program))
    .find((path) => {
      try {
        accessSync(path, constants.X_OK)
        return true
      } catch {
        return false
      }
    }) ?? null
const isInstalled = (program: string): boolean =>
  (program === 'chromium' ? chromiumProgram() : programAt(program)) !== null

/** What a test drives as Chromium, or null if there is none. Debian's `chromium-headless-shell` is a script that waits for this one,
 *  whose end it would hide. */
export const chromiumProgram = (): string | null =>
  programAt(HEADLESS, [HEADLESS_FOLDER, ...PATH]) ?? programAt('chromium')

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
  if (missing.length > 0) installAll(missing, say)
  else if (needed.includes('chromium')) installHeadless(say)
  return new Map(
    missing
      .filter((program) => !isInstalled(program))
      .map((program) => [
        program,
        `${program} is not installed: sudo apt-get install -y --no-install-recommends ${PACKAGE_OF[program] ?? program}`,
      ]),
  )
}

const aptGet = (root: ReadonlyArray<string>, packages: ReadonlyArray<string>): boolean =>
  shell([...root, 'apt-get', 'install', '-y', '-qq', '--no-install-recommends', ...packages])

const installAll = (missing: ReadonlyArray<string>, say: (line: string) => void): void => {
  const packages = missing.map((program) => PACKAGE_OF[program] ?? program)
  const byHand = `sudo apt-get install -y --no-install-recommends ${packages.join(' ')}`
  const root = asRoot()
  if (!isInstalled('apt-get'))
    say(`missing: ${packages.join(', ')}, and this is no Debian: install them as this machine does.`)
  else if (root === null)
    say(`missing: ${packages.join(', ')}, and only root may install them. Run: ${byHand}`)
  else {
    say(`installing ${packages.join(', ')} (apt-get)`)
    if (aptGet(root, packages)) return
    shell([...root, 'apt-get', 'update', '-qq'])
    if (aptGet(root, packages)) return
    const whole = packages.map((name) => (name === HEADLESS ? 'chromium' : name))
    if (!packages.includes(HEADLESS) || !aptGet(root, whole))
      say(`apt-get could not install them. Run: ${byHand}`)
  }
}

/** Where there is the whole Chromium already: only if the machine knows of the other one, since the tests run without it too. */
const installHeadless = (say: (line: string) => void): void => {
  if (process.env.CHROMIUM !== undefined || programAt(HEADLESS) !== null || !isInstalled('apt-cache')) return
  if (spawnSync('apt-cache', ['show', HEADLESS], { stdio: 'ignore' }).status !== 0) return
  const root = asRoot()
  if (root === null) return
  say(`installing ${HEADLESS} (apt-get)`)
  aptGet(root, [HEADLESS])
}
