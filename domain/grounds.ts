/** Why the actor might: the role in force and where it came from. What `why` explains is read off this. */
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
