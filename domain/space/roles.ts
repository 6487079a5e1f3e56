/** The roles of an account in a space. */
import * as t from 'io-ts'

export const Permission = t.union([t.literal('access'), t.literal('moderate'), t.literal('admin')])
export type Permission = t.TypeOf<typeof Permission>
/** A caller's role in a space, weakest first: access, moderate, admin, owner. */
export type Role = Permission | 'owner'
