/** The log's tree in the form that programs for transparency logs read: a checkpoint and tiles of hashes
 *  (c2sp.org/tlog-tiles). There are no bundles of entries, since not everybody may see what an event says. */
import type { FastifyInstance } from 'fastify'
import { parseTilePath } from '../../../projections/proof/tiles.ts'
import type { Described } from '../../refusals.ts'
import type { HttpDeps } from '../deps.ts'
import { mount, plainText } from '../endpoint.ts'
import { orTell, tell } from '../errors.ts'
import { listOf, orNull, shape, text, time, whole } from '../shapes.ts'
import { newestOf } from './proof.ts'

const NO_TILE: Described = {
  status: 404,
  code: 'tile_not_found',
  error: 'There is no such tile of hashes, or no checkpoint covers all of it yet.',
}
const Witness = shape('Witness', {
  name: text(),
  key: text({ description: 'As verifiers write it (C2SP signed-note, tlog-cosignature).' }),
  url: text({ description: 'Where it answers.' }),
  size: whole({ description: 'How many events it cosigned last.' }),
  cosigned_at: orNull(time),
  asked_at: orNull(time),
  fault: orNull(
    text({
      enum: ['unreachable', 'refused', 'ahead'],
      description:
        'Null where it cosigned what it was asked last. refused: it holds this to be another log than it saw; ahead: it cosigned a longer one.',
    }),
  ),
  why: orNull(text({ description: 'The fault in a sentence.' })),
})
/** What a checkpoint covers never changes. */
const FOR_GOOD = 'public, max-age=31536000, immutable'

export const tlog = (app: FastifyInstance, deps: HttpDeps): void => {
  const { proofs, witnesses } = deps
  if (proofs === undefined) return

  app.route({
    method: 'GET',
    url: '/tlog/checkpoint',
    schema: {
      tags: ['proof'],
      summary:
        'A checkpoint with the signatures of the log’s witnesses, where readers of C2SP tlog-tiles look for it.',
      response: plainText('The checkpoint.'),
    },
    handler: async (_request, reply) => {
      const cosigned = witnesses === undefined ? null : orTell(await witnesses.cosigned()())
      const note = cosigned ?? (await newestOf(proofs)).note
      return reply.type('text/plain; charset=utf-8').serializer(String).send(note)
    },
  })

  mount(app, deps, {
    method: 'GET',
    path: '/api/audit/witnesses',
    answer: { witnesses: listOf(Witness) },
    tag: 'proof',
    summary: 'Who cosigns the log’s checkpoints, how far each did, and why one does not.',
    handle: async () => ({ witnesses: witnesses === undefined ? [] : orTell(await witnesses.states()()) }),
  })

  app.route<{ Params: { readonly '*': string } }>({
    method: 'GET',
    url: '/tlog/tile/*',
    schema: {
      tags: ['proof'],
      summary:
        'A tile of the tree: up to 256 hashes of 32 bytes, `<level>/<index>[.p/<width>]` (C2SP tlog-tiles). Hashes alone; there are no bundles of entries.',
      response: {
        ...plainText('The hashes, one after the other.', ['application/octet-stream']),
      },
    },
    handler: async (request, reply) => {
      const tile = parseTilePath(request.params['*'])
      const hashes = tile === null ? null : orTell(await proofs.tile(tile)())
      if (hashes === null) return tell(NO_TILE)
      return reply.type('application/octet-stream').header('cache-control', FOR_GOOD).send(hashes)
    },
  })
}
