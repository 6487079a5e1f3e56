/** One small machine: by containers without a cluster, and by systemd without containers. */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import * as E from 'fp-ts/lib/Either.js'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { parse } from 'yaml'
import { loadConfig } from '../../apps/config/load.ts'
import { variables } from '../../apps/config/variables.ts'

// biome-ignore lint/suspicious/noExplicitAny: whatever stands there; the test says what it must be
type Json = any
const test = suite('one small machine')
const root = fileURLToPath(new URL('../../', import.meta.url))
const read = (name: string) => readFileSync(join(root, name), 'utf8')
const small: Json = parse(read('docker-compose.small.yml'), { merge: true })
const services = Object.entries(small.services) as ReadonlyArray<[string, Json]>

/** Compose's `${NAME:?…}` and `${NAME:-${OTHER}}`, and nothing else of its language. */
const filled = (value: string, env: Record<string, string>) =>
  value
    .replaceAll(/\$\{(\w+):\?[^}]*\}/g, (_, name: string) => env[name] ?? '')
    .replaceAll(/\$\{(\w+):-\$\{(\w+)\}\}/g, (_, one: string, other: string) => env[one] ?? env[other] ?? '')
const ENV = {
  POSTGRES_PASSWORD: 'abc',
  SESSION_SECRET: 's'.repeat(64),
  TURN_SECRET: 't'.repeat(64),
  PRIVACY_MASTER_KEY: 'ab'.repeat(32),
  AUDIT_SIGNING_KEY: 'cd'.repeat(32),
  SITE: 'vr.example.org',
}

test('given the small compose file, then every part is there with a health check, limited logs and an image with a version', () => {
  assert.equal(services.map(([name]) => name).sort(), [
    ...['backup', 'caddy', 'coturn', 'house', 'log', 'postgres', 'projector', 'server'],
  ])
  for (const [name, service] of services) {
    assert.is(service.restart, 'unless-stopped', name)
    assert.ok(Array.isArray(service.healthcheck.test), name)
    assert.is(service.logging.driver, 'local', name)
    assert.ok(service.build !== undefined || /:\d+\.\d+/.test(service.image), `${name}: ${service.image}`)
    for (const other of Object.keys(service.depends_on ?? {})) assert.ok(other in small.services, other)
    for (const volume of service.volumes ?? []) {
      const [from] = volume.split(':')
      assert.ok(
        from.startsWith('./') ? existsSync(join(root, from)) : from in small.volumes,
        `${name}: ${volume}`,
      )
    }
    for (const word of (service.command ?? []).flatMap((one: string) => one.split(' ')))
      if (/^(apps|infra)\/.*\.(ts|js)$/.test(word))
        assert.ok(existsSync(join(root, word)), `${name}: ${word}`)
  }
})

test('given the log without TLS, then only processes that share its loopback reach it', () => {
  const { log, server, projector, backup, house } = small.services
  for (const one of [log, server, projector, backup]) {
    // A house that is restarted is another network.
    assert.equal(one.depends_on.house, { condition: 'service_healthy', restart: true })
    assert.is(one.network_mode, 'service:house')
    assert.not('networks' in one)
  }
  assert.ok(log.command.join(' ').includes('--host 127.0.0.1 --port 2113'))
  assert.match(server.environment.EVENTSTORE_URL, 'esdb://127.0.0.1:2113')
  // Caddy finds the server by its name, on the network that the server trusts.
  assert.equal(house.networks.front, { aliases: ['server'] })
  assert.match(JSON.stringify(small.networks.front), `"subnet":"${server.environment.TRUST_PROXY}"`)
  assert.equal(
    services.filter(([, { ports }]) => ports !== undefined).map(([name]) => name),
    ['caddy'],
  )
  assert.equal(small.services.postgres.networks, ['inside'])
})

test('given the environment of its processes, then each has a valid configuration for production, and no secret is in the file', () => {
  for (const name of ['server', 'projector', 'backup']) {
    const given = Object.entries(small.services[name].environment as Record<string, string>)
    const config = loadConfig(Object.fromEntries(given.map(([key, value]) => [key, filled(value, ENV)])))
    if (E.isLeft(config)) assert.unreachable(config.left.join(' '))
    for (const [key, value] of given) {
      const one = variables[key as keyof typeof variables]
      if (one !== undefined && 'secret' in one && one.secret) assert.match(value, /^\$\{\w+:\?.+\}$/, key)
    }
  }
})

/** As they would be installed, but for where the program is. */
const units = () => {
  const folder = mkdtempSync(join(tmpdir(), 'units-'))
  const names = readdirSync(join(root, 'infra/systemd'))
  for (const name of names)
    writeFileSync(
      join(folder, name),
      read(`infra/systemd/${name}`)
        .replaceAll('/opt/dlux-presence/node_modules/.bin/node', process.execPath)
        .replaceAll('/opt/dlux-presence', root),
    )
  return { folder, names }
}

test('given the systemd units, then what each starts exists, and systemd, if it is installed, finds nothing wrong', () => {
  const { folder, names } = units()
  try {
    assert.equal(names.sort(), [
      ...['presence-backup.service', 'presence-backup.timer', 'presence-log.service'],
      ...['presence-projector.service', 'presence-server.service', 'presence-server@.service'],
      'presence-turn.service',
    ])
    for (const name of names) {
      const program = /^ExecStart=\S+ (\S+)/m.exec(read(`infra/systemd/${name}`))?.[1]
      if (program !== undefined) assert.ok(existsSync(join(root, program)), program)
      // By default five quick failures end a unit for good: a log that comes late must not.
      const unit = read(`infra/systemd/${name}`)
      if (unit.includes('Restart=always'))
        assert.match(unit.split('[Service]')[0]!, 'StartLimitIntervalSec=0', name)
    }
    if (spawnSync('systemd-analyze', ['--version'], { stdio: 'ignore' }).status !== 0) return
    const { status, stderr } = spawnSync(
      'systemd-analyze',
      ['verify', ...names.map((name) => join(folder, name))],
      {
        encoding: 'utf8',
      },
    )
    const ours = stderr.split('\n').filter((line) => line.includes('presence-'))
    assert.equal([status, ours], [0, []], stderr)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})

test('given compose, systemd and the chart, then each has a timer for backups', () => {
  for (const file of ['docker-compose.yml', 'docker-compose.small.yml'])
    assert.match(read(file), 'apps/cli/main.ts backup --to /backups')
  assert.match(read('infra/systemd/presence-backup.timer'), 'OnCalendar=')
  assert.match(read('infra/helm/dlux-presence/templates/backup.yaml'), 'kind: CronJob')
})

test('given the backups of both compose files, when the first one fails, then it waited for the tables, and the next comes within the hour, then daily', () => {
  const folder = mkdtempSync(join(tmpdir(), 'presence-backups-'))
  try {
    // Stands in for both programs: node fails the first time, and sleep notes how long, and the third time ends it all.
    const node = `#!/bin/sh\n[ -e ${folder}/failed ] || { touch ${folder}/failed; exit 1; }\n`
    const sleep = `#!/bin/sh\necho "$1" >> ${folder}/slept\n[ "$(wc -l < ${folder}/slept)" -lt 3 ] || kill $PPID\n`
    writeFileSync(join(folder, 'node'), node, { mode: 0o755 })
    writeFileSync(join(folder, 'sleep'), sleep, { mode: 0o755 })
    for (const file of ['docker-compose.yml', 'docker-compose.small.yml']) {
      const { backup }: Json = parse(read(file), { merge: true }).services
      assert.is(backup.depends_on.projector?.condition, 'service_healthy', file)
      for (const name of ['failed', 'slept']) rmSync(join(folder, name), { force: true })
      const [program, ...words] = backup.command
      spawnSync(program, words, { env: { PATH: `${folder}:${process.env.PATH}` }, timeout: 10_000 })
      assert.equal(
        readFileSync(join(folder, 'slept'), 'utf8').trim().split('\n'),
        ['600', '86400', '86400'],
        file,
      )
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})

test.run()
