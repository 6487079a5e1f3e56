#!/usr/bin/env node
/** As much of systemctl as a first day takes, where no systemd runs: it reads the units that are installed and starts what they say, as whom
 *  they say, with the environment that they say. `daemon-reload`, `enable --now`, `start`, `stop`, `restart`. */
import { spawn, spawnSync } from 'node:child_process'
import { closeSync, existsSync, mkdirSync, openSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'

const RUN = process.env.UNITS_RUN
const FOLDERS = ['/etc/systemd/system', '/lib/systemd/system']

const pathOf = (name) => {
  for (const folder of FOLDERS) if (existsSync(`${folder}/${name}`)) return `${folder}/${name}`
  throw new Error(`Unit ${name} not found.`)
}
/** `presence-server@127.0.0.1` is the template with `%i`. */
const textOf = (unit) => {
  const [, template, instance] = /^([^@]+@)(.*)$/.exec(unit) ?? []
  const file = `${template ?? unit}.service`
  const dropIns = `/etc/systemd/system/${file}.d`
  const more = existsSync(dropIns) ? readdirSync(dropIns).map((name) => readFileSync(`${dropIns}/${name}`, 'utf8')) : []
  return [readFileSync(pathOf(file), 'utf8'), ...more].join('\n').replaceAll('%i', instance ?? '')
}
const settingsOf = (unit) => {
  const found = new Map()
  for (const line of textOf(unit).split('\n')) {
    const [, key, value] = /^([A-Za-z]+)=(.*)$/.exec(line) ?? []
    if (key !== undefined) found.set(key, [...(found.get(key) ?? []), value])
  }
  return (key) => found.get(key) ?? []
}
const assignments = (text) => Object.fromEntries(text.split(/\s+/).filter(Boolean).map((one) => [one.slice(0, one.indexOf('=')), one.slice(one.indexOf('=') + 1)]))
const fileEnv = (file) =>
  Object.fromEntries(
    readFileSync(file, 'utf8')
      .split('\n')
      .filter((line) => /^[A-Z]/.test(line))
      .map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1).replace(/^(["'])(.*)\1$/, '$2')]),
  )

const pidFile = (unit) => `${RUN}/${unit}.pid`
const isAlive = (pid) => {
  try {
    process.kill(pid, 0)
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))
  } catch {
    return false
  }
}
const stop = async (unit) => {
  if (!existsSync(pidFile(unit))) return
  const pid = Number(readFileSync(pidFile(unit), 'utf8'))
  if (isAlive(pid)) process.kill(pid, 'SIGTERM')
  for (let tries = 0; tries < 600 && isAlive(pid); tries += 1) await delay(50)
  if (isAlive(pid)) process.kill(pid, 'SIGKILL')
  rmSync(pidFile(unit))
}
const start = (unit) => {
  const of = settingsOf(unit)
  const [user] = of('User')
  for (const [key, under] of [['StateDirectory', '/var/lib'], ['RuntimeDirectory', '/run']])
    for (const name of of(key).flatMap((one) => one.split(' '))) {
      mkdirSync(`${under}/${name}`, { recursive: true })
      if (user !== undefined) spawnSync('chown', [user, `${under}/${name}`])
    }
  const home = user === undefined ? '/root' : spawnSync('getent', ['passwd', user], { encoding: 'utf8' }).stdout.split(':')[5]
  const env = { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', HOME: home ?? '/', ...(process.env.UNITS_CA ? { NODE_EXTRA_CA_CERTS: process.env.UNITS_CA } : {}), ...(process.env.NODE_COMPILE_CACHE ? { NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE } : {}) }
  for (const text of of('Environment')) Object.assign(env, assignments(text))
  for (const file of of('EnvironmentFile')) Object.assign(env, fileEnv(file))
  const words = of('ExecStart')[0].split(/\s+/)
  const as = user === undefined ? [] : ['setpriv', `--reuid=${user}`, `--regid=${of('Group')[0] ?? user}`, '--init-groups']
  const caps = of('AmbientCapabilities').length > 0 ? ['--inh-caps=+net_bind_service', '--ambient-caps=+net_bind_service'] : []
  const out = openSync(`${RUN}/${unit}.log`, 'a')
  const [program, ...args] = [...as, ...caps, ...words]
  const child = spawn(program, args, { cwd: of('WorkingDirectory')[0] ?? '/', env, detached: true, stdio: ['ignore', out, out] })
  closeSync(out)
  child.unref()
  writeFileSync(pidFile(unit), String(child.pid))
}

const [verb, ...rest] = process.argv.slice(2)
for (const unit of rest.filter((one) => !one.startsWith('--')).map((one) => one.replace(/\.service$/, ''))) {
  if (unit.endsWith('.timer')) {
    pathOf(unit)
    continue
  }
  if (verb === 'stop' || verb === 'restart') await stop(unit)
  if (verb !== 'stop') start(unit)
}
