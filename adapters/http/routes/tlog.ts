/** The log's tree in the form that programs for transparency logs read: a checkpoint and tiles of hashes
 *  (c2sp.org/tlog-tiles). There are no bundles of entries, since not everybody may see what an event says. */
import type { FastifyInstance } from 'fastify'
import { parseTilePath } from '../../../projections/proof/tiles.ts'
import type { Described } from '../../refusals.ts'
import type { HttpDeps } from '../deps.ts'
import { plainText } from '../endpoint.ts'
import { orTell, tell } from '../errors.ts'
import { newestOf } from './proof.ts'

const NO_TILE: Described = {
  status: 404,
  code: 'tile_not_found',
  error: 'There is no such tile of hashes, or no checkpoint covers all of it yet.',
}
/** What a checkpoint covers never changes. */
const FOR_GOOD = 'public, max-age=31536000, immutable'

export const tlog = (app: FastifyInstance, deps: HttpDeps): void => {
  const { proofs } = deps
  if (proofs === undefined) return

  app.route({
    method: 'GET',
    url: '/tlog/checkpoint',
    schema: {
      tags: ['proof'],
      summary: 'The same checkpoint where readers of C2SP tlog-tiles look for it.',
      response: plainText('The checkpoint.'),
    },
    handler: async (_request, reply) => {
      const { note } = await newestOf(proofs)
      return reply.type('text/plain; charset=utf-8').serializer(String).send(note)
    },
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
