/** A room's record as one HTML file that checks itself anywhere (docs/proof.md). */
import type { FastifyInstance } from 'fastify'
import * as E from 'fp-ts/lib/Either.js'
import * as t from 'io-ts'
import type { Caller } from '../../../domain/identity.ts'
import { isSubject } from '../../../domain/identity.ts'
import { spaceKey } from '../../../domain/names.ts'
import { type Described, tooLarge } from '../../refusals.ts'
import { optional, Text, Time } from '../codecs.ts'
import type { HttpDeps, NoEvidence } from '../deps.ts'
import { Download } from '../download.ts'
import { mount } from '../endpoint.ts'
import { HttpError, tellInvalid } from '../errors.ts'
import { SpaceParams, spaceOf } from '../space-gate.ts'
import { mayAudit, recordLook } from './moment.ts'

const MOST_NAMES = 50
/** `nobody`, or names separated by commas; null if it was not given. */
const namesIn = (said: string | null): ReadonlyArray<string> | null => {
  if (said === null || said === '') return null
  if (said === 'nobody') return []
  const names = said.split(',')
  if (names.length > MOST_NAMES || !names.every(isSubject))
    tellInvalid(
      'words_of',
      `words_of is nobody, or at most ${MOST_NAMES} accounts and guests with commas between.`,
    )
  return names
}

const describe = (none: NoEvidence): Described => {
  switch (none.why) {
    case 'too many':
      return tooLarge(`More than ${none.most} events: give from and to, or use presence audit export.`)
    case 'none':
      return { status: 404, code: 'event_not_found', error: 'The log has nothing of this space yet.' }
    case 'unavailable':
      return {
        status: 503,
        code: 'checkpoint_unavailable',
        error: 'The record can’t be proved just now: try again in a minute.',
        retry_after: 60,
      }
    default:
      return none satisfies never
  }
}

export const evidence = (app: FastifyInstance, deps: HttpDeps): void => {
  const { evidence: make } = deps
  if (make === undefined) return
  mount(app, deps, {
    method: 'GET',
    path: '/api/spaces/:type/:id/evidence',
    answer: {},
    exports: ['text/html'],
    tag: 'audit',
    summary:
      'The record of a space as one HTML file that opens without a network, checks itself and plays the room, for its moderators and for auditors. words_of (names with commas between, or nobody): whose words are shown; the others’ are withheld.',
    strict: true,
    params: SpaceParams,
    query: t.type({ from: optional(Time), to: optional(Time), words_of: optional(Text) }),
    handle: async ({ params, query, sender }) => {
      const space = spaceOf(params)
      const { from, to } = query
      const wordsOf = namesIn(query.words_of)
      await mayAudit(deps, space, sender.by as Caller)
      if (from !== null && to !== null && to < from) tellInvalid('to', 'to is before from.')
      await recordLook(deps, space, sender, {
        call: 'evidence',
        filters: { from, to, words_of: query.words_of },
      })
      const made = await make({ space, from, to, wordsOf })
      if (E.isLeft(made)) throw new HttpError(describe(made.left), made.left)
      const html = made.right
      return new Download({
        contentType: 'text/html; charset=utf-8',
        fileName: `${spaceKey(space).replace(/[^\w-]+/g, '-')}.html`,
        rows: (async function* () {
          yield html
        })(),
        check: () => mayAudit(deps, space, sender.by as Caller),
        word: () => '',
      })
    },
  })
}
