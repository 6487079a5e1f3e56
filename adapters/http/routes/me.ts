/** What is held on the caller, who looked at it, and all of it as a file; the caller's erasure, which waits, can be
 *  withdrawn, and is held up by legal holds. */
import type { FastifyInstance } from 'fastify'
import * as E from 'fp-ts/lib/Either.js'
import * as t from 'io-ts'
import type { Caller } from '../../../domain/identity.ts'
import type { PersonCommand } from '../../../domain/outside/people.ts'
import { holdsOn, type OutsideState } from '../../../domain/outside/state.ts'
import type { Sender } from '../../../domain/ports.ts'
import { decodeCursor, encodeCursor } from '../../../projections/cursors.ts'
import type { Authenticated } from '../../auth/authenticate.ts'
import { optional, Subject, Text, Uuid } from '../codecs.ts'
import type { HttpDeps } from '../deps.ts'
import { Download } from '../download.ts'
import { mount, WRITTEN } from '../endpoint.ts'
import { orTell, tell } from '../errors.ts'
import { createPersonalPace } from '../personal-pace.ts'
import { listOf, orNull, subject, text, whole } from '../shapes.ts'
import { needNoService } from '../space-gate.ts'
import { actOutside, doneView, mayManage } from './keys.ts'
import { everythingOn } from './my-data.ts'
import { ErasureShape, erasureView, HeldShape, HoldShape, holdView, LookShape } from './people-shapes.ts'
import { Paging, pageOf } from './spaces.ts'

const DAY = 86_400_000

type Asking = {
  readonly deps: HttpDeps
  readonly stateNow: () => OutsideState
  readonly pace: (sender: Sender) => void
}
const askingOf = (deps: HttpDeps): Asking => ({
  deps,
  pace: createPersonalPace(deps.clock),
  stateNow: () =>
    deps.outside?.state() ??
    orTell(E.left({ _tag: 'Unavailable', what: 'eventstore', cause: 'not read yet' })),
})

/** Ends the request of a service and of anybody without a proof: what is held on people is for the person alone. */
const person = ({ via, caller }: Authenticated): Caller => {
  needNoService(caller)
  if (via === 'none')
    tell({
      status: 403,
      code: 'forbidden',
      error: 'This is yours alone: sign in, or send the token that you were given as a guest.',
    })
  return caller
}

const overview = (app: FastifyInstance, { deps, stateNow }: Asking): void => {
  mount(app, deps, {
    method: 'GET',
    path: '/api/me',
    answer: {
      subject,
      held: HeldShape,
      // It has a title of its own because it may be null.
      erasure: orNull({ ...ErasureShape, title: 'OwnErasure' }),
      waits_for: listOf(text({ enum: ['legal_hold', 'appeal'] })),
      holds: listOf(HoldShape),
      erasure_wait_days: whole(),
    },
    tag: 'people',
    summary:
      'What is held on the caller: by room, in numbers, and the keys of their data; whether their erasure waits, until when and for what; legal holds.',
    strict: true,
    query: t.type({}),
    handle: async ({ who }) => {
      const { id } = person(who)
      const held = orTell(await deps.readModels.held(id)())
      const state = stateNow()
      const [waiting, holds] = [state.erasures.get(id), holdsOn(state, id)]
      return {
        subject: id,
        held,
        erasure: waiting === undefined ? null : erasureView(waiting),
        waits_for: [...(holds.length > 0 ? ['legal_hold'] : []), ...(held.appeals > 0 ? ['appeal'] : [])],
        holds: holds.map(holdView),
        erasure_wait_days: deps.config.erasureWaitDays ?? 0,
      }
    },
  })
  mount(app, deps, {
    method: 'GET',
    path: '/api/me/looks',
    answer: { looks: listOf(LookShape), next_cursor: 'string?' },
    tag: 'people',
    summary:
      'Who looked at the audit log where it has rows of the caller: by their name, or at a whole room that they had been in; newest first.',
    strict: true,
    query: t.type(Paging),
    handle: async ({ query, who }) => {
      const { items, next_cursor } = orTell(
        await deps.readModels.looksAt(person(who).id, pageOf(query, 'looks'))(),
      )
      return { looks: items, next_cursor }
    },
  })
}

const data = (app: FastifyInstance, { deps, stateNow, pace }: Asking): void => {
  mount(app, deps, {
    method: 'GET',
    path: '/api/me/data',
    answer: {},
    exports: ['application/x-ndjson'],
    tag: 'people',
    summary:
      'Everything that is held on the caller as a file, a JSON object a line: the kinds are person, room, key, hold, erasure, report, receipt, look and entry (of the audit log). That it was given is recorded.',
    strict: true,
    query: t.type({}),
    handle: async ({ who, sender, commandId }) => {
      const caller = person(who)
      pace(sender)
      // Read before the answer begins, so that a database that does not answer is told by a code.
      const held = orTell(await deps.readModels.held(caller.id)())
      await actOutside(deps, sender, commandId.id, { type: 'GiveData', subject: caller.id })
      return new Download({
        contentType: 'application/x-ndjson; charset=utf-8',
        fileName: 'my-data.ndjson',
        rows: (async function* () {
          for await (const lines of everythingOn(deps, { held, state: stateNow() }, caller))
            if (lines.length > 0) yield lines.map((line) => `${JSON.stringify(line)}\n`).join('')
        })(),
        check: async () => {},
        word: ({ code, error }) => `${JSON.stringify({ error, code })}\n`,
      })
    },
  })
}

const erasure = (app: FastifyInstance, { deps, pace }: Asking): void => {
  mount(app, deps, {
    method: 'POST',
    path: '/api/me/erasure',
    answer: { ...WRITTEN, erasure: ErasureShape },
    tag: 'people',
    summary:
      'Asks to be erased, after a wait in which it can be withdrawn; later where a legal hold stands or an appeal of the caller’s is not decided. If it waits already, nothing changes.',
    strict: true,
    body: t.type({}),
    handle: async ({ who, sender, commandId }) => {
      const { id } = person(who)
      pace(sender)
      const waitMs = (deps.config.erasureWaitDays ?? 0) * DAY
      const command: PersonCommand = { type: 'AskErasure', erasure: commandId.id, subject: id, waitMs }
      const done = await actOutside(deps, sender, commandId.id, command)
      return { ...doneView(done), erasure: erasureView(done.state.erasures.get(id)!) }
    },
  })
  mount(app, deps, {
    method: 'DELETE',
    path: '/api/me/erasure',
    answer: WRITTEN,
    tag: 'people',
    summary: 'Withdraws the caller’s erasure, as long as it waits.',
    strict: true,
    body: t.type({}),
    handle: async ({ who, sender, commandId }) => {
      const { id } = person(who)
      pace(sender)
      return doneView(await actOutside(deps, sender, commandId.id, { type: 'WithdrawErasure', subject: id }))
    },
  })
}

/** A page of the holds that stand, and after them of the erasures that wait, the oldest of each first. */
const standing = (
  { holds: all, erasures: waiting }: OutsideState,
  { limit, cursor }: ReturnType<typeof pageOf>,
) => {
  const past = cursor === null ? '' : (decodeCursor('holds', cursor) ?? []).join(' ')
  const keyed = [
    ...[...all.values()].map((hold) => ({ key: ['1', hold.at, hold.id], hold, erasure: null })),
    ...[...waiting.values()].map((erasure) => ({ key: ['2', erasure.at, erasure.id], hold: null, erasure })),
  ].map((one) => ({ ...one, sorted: one.key.join(' ') }))
  const left = keyed.filter(({ sorted }) => sorted > past).sort((a, b) => (a.sorted < b.sorted ? -1 : 1))
  const shown = left.slice(0, limit)
  return {
    holds: shown.flatMap(({ hold }) => (hold === null ? [] : [holdView(hold)])),
    erasures: shown.flatMap(({ erasure }) => (erasure === null ? [] : [erasureView(erasure)])),
    next_cursor: left.length > limit ? encodeCursor(shown.at(-1)!.key) : null,
  }
}

const holds = (app: FastifyInstance, { deps, stateNow }: Asking): void => {
  mount(app, deps, {
    method: 'GET',
    path: '/api/holds',
    answer: { holds: listOf(HoldShape), erasures: listOf(ErasureShape), next_cursor: orNull(text()) },
    tag: 'people',
    summary:
      'The legal holds that stand, and after them the erasures that wait, the oldest of each first. For the system’s admins.',
    strict: true,
    query: t.type(Paging),
    handle: async ({ query, who }) => {
      await mayManage(deps, null, who.caller)
      return standing(stateNow(), pageOf(query, 'holds'))
    },
  })
  mount(app, deps, {
    method: 'POST',
    path: '/api/holds',
    answer: { ...WRITTEN, hold: HoldShape },
    tag: 'people',
    summary:
      'Places a legal hold on what is held on somebody: nothing of it is erased while it stands. They see it, with its reason. For the system’s admins.',
    strict: true,
    body: t.type({ subject: Subject, reason: Text }),
    handle: async ({ body, who, sender, commandId }) => {
      await mayManage(deps, null, who.caller)
      const command: PersonCommand = { type: 'PlaceLegalHold', hold: commandId.id, ...body }
      const done = await actOutside(deps, sender, commandId.id, command)
      return { ...doneView(done), hold: holdView(done.state.holds.get(commandId.id)!) }
    },
  })
  mount(app, deps, {
    method: 'DELETE',
    path: '/api/holds/:id',
    answer: WRITTEN,
    tag: 'people',
    summary: 'Releases a legal hold. For the system’s admins.',
    params: t.type({ id: Uuid }),
    strict: true,
    body: t.type({ reason: optional(Text) }),
    handle: async ({ params, body, who, sender, commandId }) => {
      await mayManage(deps, null, who.caller)
      const command: PersonCommand = { type: 'ReleaseLegalHold', hold: params.id, reason: body.reason }
      return doneView(await actOutside(deps, sender, commandId.id, command))
    },
  })
}

export const me = (app: FastifyInstance, deps: HttpDeps): void => {
  if (deps.outside === undefined) return
  const asking = askingOf(deps)
  overview(app, asking)
  data(app, asking)
  erasure(app, asking)
  holds(app, asking)
}
