/** Why the actor was allowed to act: the role in force and where it came from. `why` explains by it. */
import * as t from 'io-ts'

export const Grounds = t.type({
  role: t.union([
    t.literal('owner'),
    t.literal('admin'),
    t.literal('moderate'),
    t.literal('access'),
    t.literal('none'),
    t.literal('system'),
  ]),
  via: t.union([
    t.literal('content'),
    t.literal('grant'),
    t.literal('public'),
    t.literal('system'),
    t.literal('none'),
  ]),
})
export type Grounds = t.TypeOf<typeof Grounds>
