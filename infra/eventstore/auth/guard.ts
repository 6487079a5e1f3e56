/** Who may do what. Without authentication, everybody may do everything (and the node listens on loopback alone). */
import * as errors from '../errors.ts'
import type { Call, Handler } from '../grpc.ts'
import { isMetastream, metadataOf, originalOf } from '../metadata.ts'
import type { Storage } from '../storage.ts'
import type { User, Users } from './users.ts'

export type Action = 'read' | 'write' | 'delete'

export type Guard = {
  /** Throws a GrpcError where the caller may not. `$all` is a stream here. */
  readonly check: (call: Call, action: Action, stream: string) => void
  readonly may: (call: Call, action: Action, stream: string) => boolean
  /** For what only operators may do. */
  readonly checkAdmin: (call: Call) => void
  /** Undefined where there is no authentication. */
  readonly user: (call: Call) => User | undefined
}

export const OPEN_GUARD: Guard = {
  check: () => {},
  may: () => true,
  checkAdmin: () => {},
  user: () => undefined,
}

const isAdmin = (user: User): boolean => user.login === 'admin' || user.groups.includes('$admins')

const PROJECTED = /^\$(streams$|ce-|et-|bc-)/

/** The roles that may, where the stream's own list says nothing: everyone for streams, operators for system streams;
 *  what the system projections write, everyone may read. */
const defaults = (action: Action, stream: string): ReadonlyArray<string> =>
  stream.startsWith('$') && !(action === 'read' && PROJECTED.test(stream)) ? ['$admins'] : ['$all']

export const createGuard = (storage: Storage, users: Users): Guard => {
  const user = (call: Call): User => {
    const header = call.headers.authorization
    if (header === undefined) throw errors.accessDenied()
    const found = users.authenticate(header)
    if (found === undefined) throw errors.unauthenticated()
    return found
  }

  const rolesFor = (action: Action, stream: string): ReadonlyArray<string> => {
    if (isMetastream(stream)) {
      const original = originalOf(stream)
      const acl = metadataOf(storage, storage.stream(original)).acl
      return (action === 'read' ? acl?.$mr : acl?.$mw) ?? defaults(action, original)
    }
    if (stream === '$all') return ['$admins']
    const acl = metadataOf(storage, storage.stream(stream)).acl
    const own = action === 'read' ? acl?.$r : action === 'write' ? acl?.$w : acl?.$d
    return own ?? defaults(action, stream)
  }

  const allowed = (who: User, action: Action, stream: string): boolean => {
    if (isAdmin(who)) return true
    const roles = rolesFor(action, stream)
    return (
      roles.includes('$all') || roles.includes(who.login) || who.groups.some((group) => roles.includes(group))
    )
  }

  return {
    user,
    check: (call, action, stream) => {
      if (!allowed(user(call), action, stream)) throw errors.accessDenied()
    },
    may: (call, action, stream) => {
      const header = call.headers.authorization
      const who = header === undefined ? undefined : users.authenticate(header)
      return who !== undefined && allowed(who, action, stream)
    },
    checkAdmin: (call) => {
      const who = user(call)
      if (!isAdmin(who) && !who.groups.includes('$ops')) throw errors.accessDenied()
    },
  }
}

/** A call's credentials are checked before its handler sees it: hashing takes long, and nobody else waits for it. What
 *  the client sends meanwhile stays in the stream. */
export const authenticated =
  (users: Users, handler: Handler): Handler =>
  (call) => {
    const checked = users.check(call.headers.authorization ?? '')
    if (checked === undefined) return handler(call)
    call.pause()
    checked.then(
      () => {
        handler(call)
        call.resume()
      },
      (error: unknown) => call.fail(error),
    )
  }
