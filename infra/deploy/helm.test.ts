// timeout: 120
// needs: helm
/** The Helm chart, rendered by Helm itself: what it makes is whole, and starts. */
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import * as E from 'fp-ts/lib/Either.js'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { parseAllDocuments } from 'yaml'
import { loadConfig } from '../../apps/config/load.ts'
import { variables } from '../../apps/config/variables.ts'
import { helmProgram } from '../testing/helm.ts'

// biome-ignore lint/suspicious/noExplicitAny: whatever was rendered; the test says what it must be
type Json = any
const test = suite('the Helm chart')
const root = fileURLToPath(new URL('../../', import.meta.url))
const CHART = `${root}infra/helm/dlux-presence`
const helm = helmProgram()
const LEAST = ['existingSecret=presence', 'publicUrl=https://vr.example.org']

const template = (...values: ReadonlyArray<string>) => {
  const { status, stdout, stderr } = spawnSync(
    helm,
    ['template', 'rooms', CHART, ...values.flatMap((value) => ['--set', value])],
    { encoding: 'utf8' },
  )
  return {
    status,
    stderr,
    objects: status === 0 ? parseAllDocuments(stdout).map((one) => one.toJS() as Json) : [],
  }
}
const rendered = (...values: ReadonlyArray<string>): Json[] => {
  const { status, stderr, objects } = template(...LEAST, ...values)
  assert.is(status, 0, stderr)
  return objects.filter((object: Json) => object !== null)
}
const of = (objects: Json[], kind: string, end = '') =>
  objects.find((object) => object.kind === kind && object.metadata.name.endsWith(end))
const containerOf = (object: Json) =>
  (object.spec.template ?? object.spec.jobTemplate.spec.template).spec.containers[0]

/** What the Secret that is named has to have. */
const SECRET: Record<string, string> = {
  SESSION_SECRET: 's'.repeat(64),
  TURN_SECRET: 't'.repeat(64),
  PRIVACY_MASTER_KEY: 'ab'.repeat(32),
  AUDIT_SIGNING_KEY: 'cd'.repeat(32),
  OPERATOR_TOKEN: 'o'.repeat(64),
  EVENTSTORE_URL: 'esdb://log:2113?tls=true',
  DATABASE_URL: 'postgres://presence:x@db:5432/presence',
  REDIS_URL: 'redis://:x@redis:6379',
}
const ALL = [
  ...['server.replicas=3', 'ingress.enabled=true', 'ingress.className=nginx', 'serviceMonitor.enabled=true'],
  ...['backup.enabled=true', 'backup.existingClaim=backups', 'settings.SYSTEM_ADMINS=alice'],
]

test('given the least settings that it needs, then Helm finds nothing wrong with it', () => {
  const { status, stdout } = spawnSync(
    helm,
    ['lint', CHART, '--strict', ...LEAST.flatMap((one) => ['--set', one])],
    {
      encoding: 'utf8',
    },
  )
  assert.is(status, 0, stdout)
})

test('given its settings and a Secret, then each process has a complete configuration for production', () => {
  const objects = rendered(...ALL)
  const { data } = of(objects, 'ConfigMap')
  for (const part of ['server', 'projector', 'backup']) {
    const object = of(objects, part === 'backup' ? 'CronJob' : 'Deployment', part)
    const container = containerOf(object)
    assert.equal(container.envFrom, [
      { configMapRef: { name: 'rooms-dlux-presence' } },
      { secretRef: { name: 'presence' } },
    ])
    const own = Object.fromEntries(container.env.map(({ name, value }: Json) => [name, value ?? 'pod-1']))
    const config = loadConfig({ ...data, ...SECRET, ...own })
    if (E.isLeft(config)) assert.unreachable(config.left.join(' '))
    else {
      assert.is(config.right.production, true)
      assert.is(config.right.nodeId, 'pod-1')
    }
    for (const word of container.command)
      if (word.endsWith('.ts')) assert.ok(existsSync(`${root}${word}`), word)
  }
})

test('given the chart, then no secret and no database is in it, and every image has a version', () => {
  const objects = rendered(...ALL)
  assert.equal([...new Set(objects.map(({ kind }) => kind))].sort(), [
    'ConfigMap',
    'CronJob',
    'Deployment',
    'Ingress',
    'PodDisruptionBudget',
    'Service',
    'ServiceAccount',
    'ServiceMonitor',
  ])
  for (const object of objects.filter(({ kind }) => kind === 'Deployment' || kind === 'CronJob')) {
    const { image, securityContext } = containerOf(object)
    assert.match(image, /:\d+\.\d+\.\d+$/)
    assert.is(securityContext.readOnlyRootFilesystem, true)
    assert.equal(securityContext.capabilities, { drop: ['ALL'] })
  }
  const { data } = of(objects, 'ConfigMap')
  for (const name of Object.keys(data)) {
    const one = variables[name as keyof typeof variables]
    assert.ok(!('secret' in one) || one.secret !== true, name)
  }
})

test('given several servers, then some always stay up, sockets have time to close, and clients stay with their server', () => {
  const objects = rendered(...ALL)
  const server = of(objects, 'Deployment', 'server')
  assert.is(server.spec.replicas, 3)
  assert.is(server.spec.strategy.rollingUpdate.maxUnavailable, 0)
  const { terminationGracePeriodSeconds, containers } = server.spec.template.spec
  // Draining, and the 15 s that a stop takes where the log says nothing.
  assert.ok(terminationGracePeriodSeconds >= Number(containers[0].lifecycle.preStop.exec.command[1]) + 30)
  assert.is(of(objects, 'PodDisruptionBudget').spec.minAvailable, 1)
  assert.is(of(objects, 'Service').spec.sessionAffinity, 'ClientIP')
  const { host } = of(objects, 'Ingress').spec.rules[0]
  assert.is(host, 'vr.example.org')
  assert.not.ok(of(rendered(), 'PodDisruptionBudget'), 'of one server none: its node could never be emptied')
})

test('given selectors, then each finds only its own pods', () => {
  const objects = rendered(...ALL)
  const labels = (part: string) => of(objects, 'Deployment', part).spec.template.metadata.labels
  const finds = (selector: Json, pod: Json) =>
    Object.entries(selector).every(([name, value]) => pod[name] === value)
  for (const selector of [
    of(objects, 'Service').spec.selector,
    of(objects, 'PodDisruptionBudget').spec.selector.matchLabels,
    of(objects, 'Deployment', 'server').spec.selector.matchLabels,
  ]) {
    assert.ok(finds(selector, labels('server')))
    assert.not.ok(finds(selector, labels('projector')))
  }
  const monitor = of(objects, 'ServiceMonitor').spec
  assert.ok(finds(monitor.selector.matchLabels, of(objects, 'Service').metadata.labels))
  assert.equal(monitor.endpoints[0].authorization.credentials, { name: 'presence', key: 'OPERATOR_TOKEN' })
})

const WRONG: ReadonlyArray<readonly [string, ReadonlyArray<string>]> = [
  ['no Secret is named', ['publicUrl=https://vr.example.org']],
  ['no address is named', ['existingSecret=presence']],
  ['a value is misspelt', [...LEAST, 'sever.replicas=2']],
  ['a secret stands among the settings', [...LEAST, 'settings.SESSION_SECRET=x']],
  ['the stand-in for Hive is asked for', [...LEAST, 'settings.HIVE_STANDIN=on']],
  ['an image has no version', [...LEAST, 'image.tag=latest']],
  ['a backup has nowhere to go', [...LEAST, 'backup.enabled=true']],
]
for (const [why, values] of WRONG)
  test(`when ${why}, then Helm refuses it`, () => {
    const { status, stderr } = template(...values)
    assert.is(status, 1)
    assert.match(stderr, 'schema')
  })

test.run()
