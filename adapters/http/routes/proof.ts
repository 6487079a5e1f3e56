/** Proof that the log was not changed: signed checkpoints, the key, and consistency between checkpoints for anyone;
 *  inclusion of an event for people who may see it in the audit log. */
import type { FastifyInstance } from 'fastify'
import * as t from 'io-ts'
import type { Caller } from '../../../domain/identity.ts'
import { CASES_PREFIX, LOBBY, parseSpaceKey } from '../../../domain/names.ts'
import { mayAs } from '../../../domain/space/access.ts'
import type { SignedCheckpoint } from '../../../projections/proof/proofs.ts'
import type { Audited } from '../../../projections/proof/queries.ts'
import type { Described } from '../../refusals.ts'
import { from, optional, Position, Uuid } from '../codecs.ts'
import type { HttpDeps } from '../deps.ts'
import { mount, plainText } from '../endpoint.ts'
import { orTell, tell, tellInvalid } from '../errors.ts'
import { listOf, text } from '../shapes.ts'
import { accessTo, isAuditor } from '../space-gate.ts'

const Size = from('a number of leaves', (value) =>
  typeof value === 'string' && /^(0|[1-9]\d{0,14})$/.test(value) ? Number(value) : undefined,
)
const base64 = (hashes: ReadonlyArray<Buffer>): ReadonlyArray<string> =>
  hashes.map((hash) => hash.toString('base64'))

const NO_EVENT: Described = { status: 404, code: 'event_not_found', error: 'There is no such event.' }
const NO_CHECKPOINT: Described = {
  status: 404,
  code: 'checkpoint_not_found',
  error: 'No checkpoint covers so many events.',
}
const ALTERED: Described = {
  status: 503,
  code: 'checkpoint_unavailable',
  error:
    'The log’s tree is not what was signed before: nothing more is signed until it is looked into, or its key says that a backup was put back.',
  retry_after: 60,
}

const isBy = (event: Audited, caller: Caller): boolean =>
  !event.reports && (event.user_account === caller.id || event.guest_id === caller.id)
/** Reading one's own rows is not recorded. */
const concerns = (event: Audited, caller: Caller): boolean =>
  isBy(event, caller) || event.target === caller.id

/** As with its row in the audit log: auditors, the space's moderators, and people whom it concerns may see it. For
 *  anybody else it does not exist, and finding that out takes the same work. */
const maySee = async (deps: HttpDeps, event: Audited, caller: Caller): Promise<boolean> => {
  if (isAuditor(deps, caller)) return true
  if (isBy(event, caller)) return true
  const space = parseSpaceKey(`${event.space_type}:${event.space_id}`)
  if (space._tag === 'Left') return false
  const { access } = await accessTo(deps, space.right, caller)
  // A case may be about a moderator.
  if (event.stream.startsWith(CASES_PREFIX)) return false
  return access.mayKnow && (event.target === caller.id || mayAs(access, 'moderate')._tag === 'Right')
}

/** The newest checkpoint; if there is none, ends the request and says why. */
export const newestOf = async (
  proofs: NonNullable<HttpDeps['proofs']>,
  atLeast = 0,
): Promise<SignedCheckpoint> => {
  const issue = orTell(await proofs.checkpoint(atLeast)())
  return issue.kind === 'issued' ? issue.checkpoint : tell(ALTERED)
}

export const proof = (app: FastifyInstance, deps: HttpDeps): void => {
  const { proofs } = deps
  if (proofs === undefined) return

  const newest = (atLeast = 0): Promise<SignedCheckpoint> => newestOf(proofs, atLeast)

  app.route({
    method: 'GET',
    url: '/api/audit/checkpoint',
    schema: {
      tags: ['proof'],
      summary: 'A signed checkpoint of the log (C2SP tlog-checkpoint), as text.',
      response: plainText('The checkpoint.'),
    },
    handler: async (_request, reply) => {
      const { note } = await newest()
      return reply.type('text/plain; charset=utf-8').serializer(String).send(note)
    },
  })
  app.route({
    method: 'GET',
    url: '/api/audit/key',
    schema: {
      tags: ['proof'],
      summary: 'The key that checkpoints are signed with (C2SP signed-note), as text.',
      response: plainText('The key.'),
    },
    handler: async (_request, reply) =>
      reply.type('text/plain; charset=utf-8').serializer(String).send(`${proofs.vkey}\n`),
  })

  mount(app, deps, {
    method: 'GET',
    path: '/api/audit/proof/inclusion',
    answer: {
      position: 'string',
      event_id: 'string',
      leaf_index: 'number',
      leaf_hash: 'string',
      size: 'number',
      proof: listOf(text({ description: 'A hash.' })),
      checkpoint: 'string?',
    },
    tag: 'proof',
    summary: 'Proof that an event is in the log. For people who may see it in the audit log.',
    strict: true,
    query: t.type({ position: optional(Position), event: optional(Uuid), size: optional(Size) }),
    handle: async ({ query, who, sender }) => {
      const { position, event, size } = query
      if ((position === null) === (event === null))
        tellInvalid('event', 'Give either a position or an event.')
      const found = orTell(
        await proofs.find(position === null ? { event: event! } : { position: String(position) })(),
      )
      if (found === null) {
        // The same work as for a hidden event.
        await accessTo(deps, LOBBY, who.caller)
        return tell(NO_EVENT)
      }
      if (!(await maySee(deps, found, who.caller))) return tell(NO_EVENT)
      const leaf = Number(found.leaf)
      const checkpoint = size === null ? await newest(leaf + 1) : null
      const of = checkpoint?.size ?? size ?? 0
      if (leaf >= of || (size !== null && size > orTell(await proofs.size()())))
        return tellInvalid(
          'size',
          `The event is leaf ${leaf}: the size must be above it, and no more than the log’s.`,
        )
      const { leaf: hash, proof: hashes } = orTell(await proofs.inclusion(leaf, of)())
      if (!concerns(found, who.caller)) {
        const space = parseSpaceKey(`${found.space_type}:${found.space_id}`)
        const filters = { event: found.event_id, ...(size === null ? {} : { size }) }
        const look = { call: 'proof', filters, rows: 1, space: space._tag === 'Right' ? space.right : null }
        orTell(await deps.looks.record({ sender, ...look })())
      }
      return {
        position: found.position,
        event_id: found.event_id,
        leaf_index: leaf,
        leaf_hash: hash.toString('base64'),
        size: of,
        proof: base64(hashes),
        checkpoint: checkpoint?.note ?? null,
      }
    },
  })

  mount(app, deps, {
    method: 'GET',
    path: '/api/audit/proof/consistency',
    answer: { from: 'number', to: 'number', proof: listOf(text({ description: 'A hash.' })) },
    tag: 'proof',
    summary: 'Proof that the log of one checkpoint begins with that of another.',
    strict: true,
    query: t.type({ from: Size, to: Size }),
    handle: async ({ query }) => {
      const { from: old, to } = query
      if (old > to) tellInvalid('from', 'from must not be above to.')
      if (to > orTell(await proofs.covered()())) return tell(NO_CHECKPOINT)
      return { from: old, to, proof: base64(orTell(await proofs.consistency(old, to)())) }
    },
  })
}
