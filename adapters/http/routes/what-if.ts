/** Decides a room's past again under another rule, for the space's moderators and for auditors. */
import type { FastifyInstance } from 'fastify'
import * as E from 'fp-ts/lib/Either.js'
import * as t from 'io-ts'
import type { Caller } from '../../../domain/identity.ts'
import { FilterAct } from '../../../domain/space/filter.ts'
import { readSupposed, whatIfView } from '../../../projections/history/what-if/supposing.ts'
import { whatIf as decideAgain } from '../../../projections/history/what-if/what-if.ts'
import { describeRefusal } from '../../refusals.ts'
import { EndTime, from, optional, Time } from '../codecs.ts'
import { CHARGED_MS, PAID_CHARACTERS } from '../costly.ts'
import type { HttpDeps } from '../deps.ts'
import { mount, shownBy } from '../endpoint.ts'
import { tell, tellInvalid } from '../errors.ts'
import { stillProved } from '../long-answers.ts'
import { free, listOf, orNull, position, shape, text, time, uuid, whole } from '../shapes.ts'
import { SpaceParams, spaceOf } from '../space-gate.ts'
import { mayAudit, orDescribe, recordLook } from './moment.ts'

/** The most events that one question reads, milliseconds that it decides and differences that it lists; and below, how many questions
 *  are answered at once, one of each asker at most. */
const MOST = { events: 50_000, ms: 10_000, listed: 500 }
const AT_ONCE = 2

const Differing = shape('WhatIfDifference', {
  position,
  event_id: uuid,
  at: time,
  actor: text(),
  command: text(),
  was: text({ description: 'accepted, waits, held, muted, reported, nothing, or the code of a refusal.' }),
  would: text({ description: 'The same, of what it would have been.' }),
  after: orNull(
    text({
      description:
        'The position of the same person’s first difference, if this is a later one: from there on they might have acted otherwise.',
    }),
  ),
  followed: whole({
    description: 'How many later acts were about what would not have been, and so can’t be compared.',
  }),
})
const Settings = from(
  'a plain JSON object',
  (value) =>
    typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Readonly<Record<string, unknown>>)
      : undefined,
  free,
)
const FilterCodec = t.intersection([
  t.type({ acts: t.readonlyArray(FilterAct) }),
  t.partial({
    words: t.readonlyArray(t.string),
    count: t.number,
    seconds: t.number,
    mute_seconds: t.number,
  }),
])
const Filter = from(
  'a filter: words, or count and seconds; acts; mute_seconds',
  (value) => (FilterCodec.is(value) ? value : undefined),
  free,
)

export const whatIf = (app: FastifyInstance, deps: HttpDeps): void => {
  const { moments } = deps
  if (moments === undefined) return
  /** Who asks the questions that are being answered. */
  const running = new Set<string>()
  mount(app, deps, {
    method: 'POST',
    path: '/api/spaces/:type/:id/what-if',
    answer: {
      events: whole(),
      decisions: whole(),
      differences: whole(),
      by: free,
      not_comparable: whole(),
      undecided: whole(),
      erased: whole(),
      unexplained: whole(),
      cut_at: orNull(time),
      listed: listOf(Differing),
    },
    tag: 'audit',
    summary:
      'What would have been decided otherwise in a span of time if settings had been other, or a filter had been set: the rules themselves decide again. At most 50,000 events or 10 s of deciding (cut_at says where to go on) and 500 differences listed; more are counted. For moderators and auditors.',
    params: SpaceParams,
    body: t.type({ from: Time, to: EndTime, settings: optional(Settings), filter: optional(Filter) }),
    handle: async ({ params, body, sender, who, request }) => {
      const space = spaceOf(params)
      await mayAudit(deps, space, sender.by as Caller)
      const { from: begin, to: end, filter } = body
      if (begin > end) return tellInvalid('from', 'from must not be after to.')
      const asked =
        filter === null
          ? null
          : {
              words: filter.words ?? null,
              count: filter.count ?? null,
              seconds: filter.seconds ?? null,
              acts: filter.acts,
              muteSeconds: filter.mute_seconds ?? null,
            }
      const settings = body.settings ?? {}
      const supposed = readSupposed(settings, asked, begin.toISOString())
      if (E.isLeft(supposed)) return tellInvalid(supposed.left.field, supposed.left.detail)
      const asker = `${sender.by.kind} ${sender.by.id}`
      if (running.size >= AT_ONCE || running.has(asker))
        return tell(describeRefusal({ _tag: 'SlowDown', retryAfterSeconds: 2 }))
      running.add(asker)
      try {
        const span = { from: begin, to: end }
        const again = orDescribe(
          await decideAgain(moments, space, span, { supposed: supposed.right, most: MOST })(),
        )
        request.server.costly.paid(request, who.caller, (again.ms / CHARGED_MS) * PAID_CHARACTERS)
        // It may have taken long: whoever lost the right meanwhile gets no answer.
        await stillProved(deps, shownBy(request))
        await mayAudit(deps, space, sender.by as Caller)
        const names = [...Object.keys(settings), ...(filter === null ? [] : ['filter'])].join(', ')
        await recordLook(deps, space, sender, {
          call: 'what-if',
          filters: { from: begin, to: end, supposed: names },
        })
        return whatIfView(again)
      } finally {
        running.delete(asker)
      }
    },
  })
}
