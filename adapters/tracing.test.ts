import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as E from 'fp-ts/lib/Either.js'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { LOBBY } from '../domain/names.ts'
import type { Commands } from '../domain/ports.ts'
import { tracedCommands } from './tracing.ts'

const test = suite('traces of commands')
const folder = mkdtempSync(join(tmpdir(), 'spans-'))
process.env.TRACES = join(folder, 'spans.ndjson')
// @ts-expect-error A program of its own, for `--import`, without types.
await import('../infra/testing/tracing.mjs')
test.after(() => rmSync(folder, { recursive: true }))

test('given a tracer, when commands of a space, its chat and its cases are carried out, then each is a span, and its trace’s id goes on as the correlation id', async () => {
  const correlations: unknown[] = []
  const carry = (request: { readonly correlationId?: string }) => async () => {
    correlations.push(request.correlationId)
    return E.right(null)
  }
  const { space, chat, cases } = tracedCommands({
    space: carry,
    chat: carry,
    cases: carry,
  } as never as Commands)
  const request = { space: LOBBY }
  await space({ ...request, command: { type: 'Kick' } } as never)()
  await chat({ ...request, command: { type: 'PostMessage' } } as never)()
  await cases({ ...request, command: { type: 'OpenCase' } } as never)()
  const spans = readFileSync(process.env.TRACES ?? '', 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { readonly name: string; readonly traceId: string })
    .filter(({ name }) => name !== 'presence starts')
  assert.equal(
    spans.map(({ name }) => name),
    ['presence Kick', 'presence PostMessage', 'presence OpenCase'],
  )
  assert.equal(
    correlations,
    spans.map(({ traceId }) => traceId),
  )
})

test.run()
