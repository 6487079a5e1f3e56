/** From a report to an appeal, by six people: who is told what at each step, and what the record has of it. */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { transparencyOf } from '../../apps/operations/transparency/from-log.ts'
import { inWords } from '../../projections/transparency/report.ts'
import { type AnyJson, enter } from '../testing/calls.ts'
import { testHttp } from '../testing/http.ts'

const test = suite('cases')
const http = await testHttp()
test.after(() => http.close())
const SPACE = { type: 'post', id: 'alice/my-360-photo' } as const
const ROOM = '/api/spaces/post/alice/my-360-photo'
const CHAT = '/api/chat/post/alice/my-360-photo/messages'

type Method = 'GET' | 'POST' | 'PUT' | 'DELETE' | 'PATCH'
/** alice owns the room, erin and frank moderate it, carol reports, dave is reported, heidi is a stranger. */
const headersOf = (who: string) => (who.startsWith('guest:') ? http.guest(who) : http.bearer(who))
const ask = async (
  who: string,
  method: Method,
  url: string,
  { key, ...payload }: AnyJson = {},
): Promise<AnyJson> => {
  http.clock.ms += 1_000
  const { statusCode: status, body } = await http.app.inject({
    method,
    url,
    headers: { ...headersOf(who), ...(key === undefined ? {} : { 'idempotency-key': key }) },
    ...(method === 'GET' ? {} : { payload }),
  })
  return { status, ...JSON.parse(body) }
}
const done = async (...asked: Parameters<typeof ask>): Promise<AnyJson> => {
  const answer = await ask(...asked)
  assert.is(answer.status, 200, `${asked[1]} ${asked[2]}: ${answer.error}`)
  return answer
}
const joined = (account: string): Promise<string> => enter(http, SPACE, account)
const story: { message: string; caseId: string; position: string } = { message: '', caseId: '', position: '' }
const caseAt = (path = '') => `${ROOM}/cases/${story.caseId}${path}`
/** The one case that the queue shows. */
const queued = async (who: string, query = ''): Promise<AnyJson> => {
  await http.settled()
  return (await done(who, 'GET', `${ROOM}/cases${query}`)).cases
}

test('given a room with its moderators, when a message is reported, then the reporter learns nothing but that it was', async () => {
  for (const moderator of ['erin', 'frank'])
    await done('alice', 'PUT', `${ROOM}/permissions/${moderator}`, { permission: 'moderate' })
  for (const who of ['carol', 'dave']) await joined(who)
  story.message = (await done('dave', 'POST', CHAT, { content: 'You are no good.' })).message_id
  const report = { message_id: story.message, text: 'This is about me.' }
  const first = await done('carol', 'POST', `${ROOM}/reports`, report)
  assert.equal(Object.keys(first).sort(), ['node', 'position', 'report_id', 'status', 'success'])
  const again = await done('carol', 'POST', `${ROOM}/reports`, report)
  assert.equal(Object.keys(again).sort(), Object.keys(first).sort())
  await done('guest:0123456789ab', 'POST', `${ROOM}/reports`, { message_id: story.message })
  await done('dave', 'PATCH', `${CHAT}/${story.message}`, { content: 'You are all good.' })
  await http.settled()
  const { reports } = await done('carol', 'GET', '/api/me/reports')
  assert.equal(
    reports.map(({ report_id, subject, closed, case_id }: AnyJson) => [report_id, subject, closed, case_id]),
    [[first.report_id, 'dave', false, undefined]],
  )
})

test('given the report, then moderators have one case of two reports, with the room as it was', async () => {
  const [found, ...others] = await queued('erin')
  assert.equal(others, [])
  story.caseId = found.case_id
  assert.equal(
    [found.subject, found.message_id, found.status, found.reports],
    ['dave', story.message, 'open', 2],
  )
  const { steps } = await done('erin', 'GET', caseAt())
  assert.equal(
    steps.map(({ what, by, text }: AnyJson) => [what, by, text]),
    [
      ['opened', 'carol', undefined],
      ['reported', 'carol', 'This is about me.'],
      ['reported', 'guest:0123456789ab', ''],
    ],
  )
  const then = await done('erin', 'GET', `${ROOM}/at?position=${found.moment.position}`)
  assert.equal([then.revision, then.chat_revision], [found.moment.revision, found.moment.chat_revision])
  assert.is(then.messages.at(-1).content, 'You are no good.')
})

test('given the case, then it does not exist for strangers, for the reporter and for the reported person', async () => {
  for (const who of ['carol', 'dave', 'heidi', 'guest:0123456789ab']) {
    for (const id of [story.caseId, crypto.randomUUID()]) {
      const at = `${ROOM}/cases/${id}`
      assert.is((await ask(who, 'GET', at)).code, 'forbidden')
      for (const [path, body] of [
        ['/take', {}],
        ['/notes', { text: 'x' }],
        ['/acts', { act: 'ban', rule: 'x', reason: 'x' }],
        ['/close', { outcome: 'dismissed' }],
        ['/hearing', { outcome: 'lifted', reason: 'x' }],
        ['/appeal', { text: 'x' }],
      ] as const) {
        const { status, code } = await ask(who, 'POST', at + path, body)
        assert.equal([status, code], [404, 'case_not_found'], `${who} ${path}`)
      }
    }
    assert.is((await ask(who, 'GET', `${ROOM}/cases`)).code, 'forbidden')
    assert.is((await ask(who, 'POST', `${ROOM}/cases`, { subject: 'erin' })).code, 'forbidden')
  }
  await http.settled()
  const told = await done('dave', 'GET', '/api/me/audit?limit=100')
  assert.not.match(JSON.stringify(told), /Case|Report|carol/)
  assert.equal((await done('dave', 'GET', '/api/me/receipts')).receipts, [])
})

test('given a case about a moderator, then it does not exist for them and their equals, and the owner has it', async () => {
  await done('carol', 'POST', `${ROOM}/reports`, { subject: 'erin', text: 'Erin laughs along.' })
  const about = async (who: string) => (await queued(who)).map(({ subject }: AnyJson) => subject)
  assert.equal(await about('erin'), ['dave'])
  assert.equal(await about('frank'), ['dave'])
  assert.equal(await about('alice'), ['dave', 'erin'])
  const [, hers] = await queued('alice')
  for (const who of ['erin', 'frank']) {
    assert.is((await ask(who, 'GET', `${ROOM}/cases/${hers.case_id}`)).code, 'case_not_found')
    assert.is((await ask(who, 'POST', `${ROOM}/cases/${hers.case_id}/take`, {})).code, 'case_not_found')
    const audit = await done(who, 'GET', `${ROOM}/audit?limit=100`)
    assert.not.match(JSON.stringify(audit), /Case|Report/)
    const counts = await done(who, 'GET', `${ROOM}/audit/counts`)
    assert.not.match(JSON.stringify(counts), /Case|Report/)
    const replay = await http.app.inject({ url: `${ROOM}/replay?speed=0`, headers: http.bearer(who) })
    assert.not.match(replay.body, /Case|Report|laughs/)
  }
  await done('carol', 'POST', `${ROOM}/reports`, { subject: 'alice' })
  assert.equal(await about('alice'), ['dave', 'erin'])
  assert.equal(await about('admin-one'), ['dave', 'erin', 'alice'])
})

test('given a moderator who has taken the case, when they act, then the case has the act, and the person acted on has a receipt', async () => {
  const mute = { act: 'mute', rule: 'Be kind', reason: 'Unkind to carol' }
  assert.is((await ask('erin', 'POST', caseAt('/acts'), mute)).code, 'case_not_taken')
  await done('erin', 'POST', caseAt('/take'), {})
  await done('erin', 'POST', caseAt('/notes'), { text: 'Not the first time.' })
  assert.is((await ask('frank', 'POST', caseAt('/acts'), mute)).code, 'case_not_taken')
  assert.is((await ask('erin', 'POST', caseAt('/acts'), { ...mute, rule: '' })).code, 'invalid_rule')
  assert.equal((await done('erin', 'GET', `${ROOM}/mutes`)).mutes, [])
  const again = { ...mute, key: crypto.randomUUID() }
  const acted = await done('erin', 'POST', caseAt('/acts'), again)
  assert.is((await done('erin', 'POST', caseAt('/acts'), again)).position, acted.position)
  await done('erin', 'POST', caseAt('/acts'), { act: 'delete', rule: 'Be kind', reason: 'Unkind to carol' })
  await done('erin', 'POST', caseAt('/close'), {
    outcome: 'acted',
    rule: 'Be kind',
    reason: 'Unkind to carol',
  })
  assert.is((await ask('dave', 'POST', CHAT, { content: 'But …' })).code, 'muted')
  await http.settled()
  const correlated = await done('auditor', 'GET', `${ROOM}/audit?correlation=${story.caseId}&order=oldest`)
  assert.equal(
    correlated.entries.map(({ action, user_account, stream }: AnyJson) => [
      action,
      user_account,
      stream.split('-')[0],
    ]),
    [
      ['CaseTaken', 'erin', 'cases'],
      ['CaseNoted', 'erin', 'cases'],
      ['AccountMuted', 'erin', 'space'],
      ['CaseActed', 'erin', 'cases'],
      ['MessageDeleted', 'erin', 'chat'],
      ['CaseActed', 'erin', 'cases'],
      ['CaseClosed', 'erin', 'cases'],
    ],
  )
  const { receipts } = await done('dave', 'GET', '/api/me/receipts')
  const [receipt] = receipts
  assert.equal(
    [
      receipts.length,
      receipt.rule,
      receipt.reason,
      receipt.did.map(({ act }: AnyJson) => act),
      receipt.appeal,
    ],
    [1, 'Be kind', 'Unkind to carol', ['mute', 'delete'], null],
  )
  assert.ok(receipt.how_to_appeal.includes(`${story.caseId}/appeal`))
  assert.not.match(JSON.stringify(receipts), /carol[^"]*report|reported|guest:/)
  assert.ok((await done('carol', 'GET', '/api/me/reports')).reports.some(({ closed }: AnyJson) => closed))
})

test('given an appeal, then somebody else hears it with exactly the same moment, and the act, if still in force, is lifted', async () => {
  const appeal = { text: 'It was a joke among friends.' }
  assert.is((await ask('carol', 'POST', caseAt('/appeal'), appeal)).code, 'case_not_found')
  await done('dave', 'POST', caseAt('/appeal'), appeal)
  const [waiting] = await queued('frank', '?status=appealed')
  assert.equal([waiting.case_id, waiting.appeal], [story.caseId, 'made'])
  const decision = { outcome: 'lifted', reason: 'It reads as one.' }
  assert.is((await ask('erin', 'POST', caseAt('/hearing'), decision)).code, 'heard_by_another')
  assert.is((await ask('carol', 'POST', caseAt('/hearing'), decision)).code, 'case_not_found')
  assert.is(
    (await done('frank', 'GET', `${ROOM}/at?position=${waiting.moment.position}`)).revision,
    waiting.moment.revision,
  )
  await done('frank', 'POST', caseAt('/hearing'), decision)
  await http.settled()
  assert.equal((await done('alice', 'GET', `${ROOM}/mutes`)).mutes, [])
  await done('dave', 'POST', CHAT, { content: 'Thank you.' })
  const [receipt] = (await done('dave', 'GET', '/api/me/receipts')).receipts
  assert.equal(
    [receipt.appeal, receipt.decision, receipt.how_to_appeal, receipt.did.map(({ act }: AnyJson) => act)],
    ['lifted', 'It reads as one.', null, ['mute', 'delete', 'unmute']],
  )
  assert.is((await ask('dave', 'POST', caseAt('/appeal'), appeal)).code, 'case_not_found')
})

test('given an act by the owner, then SYSTEM_ADMINS hear the appeal, and lift the act', async () => {
  const { case_id } = await done('alice', 'POST', `${ROOM}/cases`, { subject: 'dave' })
  const at = (path: string) => `${ROOM}/cases/${case_id}${path}`
  await done('alice', 'POST', at('/take'), {})
  await done('alice', 'POST', at('/acts'), { act: 'ban', rule: 'Mine', reason: 'I say so', until: null })
  await done('alice', 'POST', at('/close'), { outcome: 'acted', rule: 'Mine', reason: 'I say so' })
  assert.is((await ask('dave', 'POST', CHAT, { content: 'Hello?' })).code, 'banned')
  await done('dave', 'POST', at('/appeal'), { text: 'Why?' })
  const decision = { outcome: 'lifted', reason: 'No rule of ours.' }
  assert.is((await ask('alice', 'POST', at('/hearing'), decision)).code, 'heard_by_another')
  assert.is((await ask('frank', 'POST', at('/hearing'), decision)).code, 'forbidden')
  await done('admin-one', 'POST', at('/hearing'), decision)
  await done('dave', 'POST', CHAT, { content: 'Hello.' })
})

test('given a pinned entity, when it is reported, then it is removed by an act of the case', async () => {
  const pin = {
    entityId: 'statue',
    subspace: 'main',
    template: null,
    ownership: null,
    components: { shape: 'box' },
  }
  const command = { type: 'PinEntity', ...pin } as never
  const by = { kind: 'account', id: 'frank' } as const
  const pinned = await http.commands.space({ by, space: SPACE, id: crypto.randomUUID(), command })()
  assert.is(pinned._tag, 'Right')
  assert.is(
    (await ask('carol', 'POST', `${ROOM}/reports`, { entity_id: 'nothing' })).code,
    'entity_not_found',
  )
  assert.is((await ask('carol', 'POST', `${ROOM}/reports`, {})).code, 'invalid_message_id')
  await done('carol', 'POST', `${ROOM}/reports`, { entity_id: 'statue', subspace: 'main' })
  const found = (await queued('alice')).find(({ about }: AnyJson) => about === 'entity')
  assert.equal([found.subject, found.entity_id, found.subspace], ['frank', 'statue', 'main'])
  const at = `${ROOM}/cases/${found.case_id}`
  await done('alice', 'POST', `${at}/take`, {})
  await done('alice', 'POST', `${at}/acts`, { act: 'delete', rule: 'No statues', reason: 'In the way' })
  const { entities } = await done('alice', 'GET', `${ROOM}/at?time=2999-01-01`)
  assert.equal(entities, [])
  await http.settled()
  const { receipts } = await done('frank', 'GET', '/api/me/receipts')
  assert.equal(
    [receipts[0].about, receipts[0].entity_id, receipts[0].rule],
    ['entity', 'statue', 'No statues'],
  )
})

test('given a span of time, then the owner gets its numbers, and nobody else in the room', async () => {
  await http.settled()
  const span = `from=2020-01-01T00:00:00Z&to=2100-01-01T00:00:00Z`
  for (const who of ['erin', 'carol', 'dave'])
    assert.is((await ask(who, 'GET', `${ROOM}/transparency?${span}`)).code, 'forbidden')
  const report = await done('alice', 'GET', `${ROOM}/transparency?${span}`)
  assert.is(report.reports, 5)
  assert.equal(
    [report.cases.opened, report.cases.opened_by_report, report.cases.acted_on, report.cases.open_at_the_end],
    [5, 4, 2, 3],
  )
  assert.equal(report.by_rule, { 'Be kind': 1, Mine: 1 })
  assert.equal(report.acts, { kick: 0, mute: 1, ban: 1, delete: 2, unmute: 1, unban: 1 })
  assert.equal([report.appeals.made, report.appeals.lifted, report.appeals.waiting_at_the_end], [2, 2, 0])
  assert.equal(report.moderation, { bans: 1, bans_lifted: 1, mutes: 1, mutes_lifted: 1, kicks: 0 })
  assert.not.match(JSON.stringify(report), /carol|dave|erin/)
})

test('given filters that caught messages, then the report has how many, what was done, and how they were settled', async () => {
  const darn = { words: ['darn'], acts: ['hold', 'report'] }
  await done('alice', 'PUT', `${ROOM}/filters/rude`, darn)
  await done('alice', 'PUT', `${ROOM}/filters/loud`, { words: ['loud'], acts: ['mute'], mute_seconds: 60 })
  const held: string[] = []
  for (const who of ['grace', 'heidi'])
    held.push((await done(who, 'POST', CHAT, { content: 'darn it' })).message_id)
  await done('heidi', 'POST', CHAT, { content: 'loud' })
  await done('erin', 'POST', `${ROOM}/filtered/${held[0]}/approve`)
  await done('erin', 'POST', `${ROOM}/filtered/${held[1]}/drop`, { reason: 'rude' })
  await http.settled()
  const span = `from=2020-01-01T00:00:00Z&to=2100-01-01T00:00:00Z`
  const { filters, moderation } = await done('alice', 'GET', `${ROOM}/transparency?${span}`)
  assert.equal(filters, { held: 2, muted: 1, reported: 2, let_through: 1, dropped: 1 })
  // A filter's mute is no moderator's.
  assert.is(moderation.mutes, 1)
  assert.match(
    inWords('post:alice/my-360-photo', await done('alice', 'GET', `${ROOM}/transparency?${span}`)),
    'held 2, muted 1, reported 2, let through 1, dropped 1\n',
  )
})

test('given the record, then anybody who has it counts the same numbers, even in another language', async () => {
  const [from, to] = ['2020-01-01T00:00:00.000Z', '2099-12-31T00:00:00.000Z']
  const {
    status: _,
    node: __,
    ...told
  } = await done('alice', 'GET', `${ROOM}/transparency?from=${from}&to=${to}`)
  assert.equal(await transparencyOf(http.log, SPACE, { from, to }), told)
  assert.match(inWords('post:alice/my-360-photo', told as never), 'Reports: 5\n')
  const folder = mkdtempSync(join(tmpdir(), 'numbers-'))
  const record = await http.app.inject({
    url: '/api/audit?space=post:alice/my-360-photo&format=ndjson&order=oldest',
    headers: http.bearer('auditor'),
  })
  writeFileSync(join(folder, 'record'), record.body)
  const script = fileURLToPath(
    new URL('../../projections/transparency/independent_count.py', import.meta.url),
  )
  const count = (report: object) => {
    writeFileSync(join(folder, 'told'), JSON.stringify(report))
    const args = [script, join(folder, 'record'), 'post:alice/my-360-photo', from, to, join(folder, 'told')]
    return spawnSync('python3', args, { encoding: 'utf8' })
  }
  const [same, other] = [count(told), count({ ...told, reports: 6 })]
  rmSync(folder, { recursive: true })
  if (same.error !== undefined) return
  assert.is(same.status, 0, `${same.stdout}${same.stderr}`)
  assert.equal([other.status, other.stderr], [1, 'reports differs: 6 is told\n'])
})

test.run()
