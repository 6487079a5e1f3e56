/** Motion that is kept, in blocks: some seconds of one room, as one server sent them. The block is beside the log; the log has its hash. */
import * as E from 'fp-ts/lib/Either.js'
import type * as t from 'io-ts'
import type { Decision, DecisionContext } from './decision-context.ts'
import type { MotionBlock } from './motion-block.ts'
import { readSubspace } from './seats.ts'

type KeepMotion = { readonly [Name in keyof typeof MotionBlock]: t.TypeOf<(typeof MotionBlock)[Name]> }

export const keepMotion = (
  { access, at, by }: DecisionContext,
  { type: _, ...kept }: KeepMotion & { readonly type: 'KeepMotion' },
): Decision => {
  if (by.kind !== 'system')
    return E.left(access.mayKnow ? { _tag: 'Forbidden', needs: 'owner' } : { _tag: 'SpaceNotFound' })
  const subspace = readSubspace(kept.subspace)
  if (E.isLeft(subspace)) return subspace
  return E.right([{ type: 'MotionKept', data: { ...kept, subspace: subspace.right, at } }])
}
