/** Who may do what. Without authentication everybody may do everything (and the node listens on loopback only). */

import type { Storage } from '../log/storage.ts'
import * as errors from '../protocol/errors.ts'
import { decodeBody } from '../protocol/record.ts'
import type { Call, Handler } from '../server/grpc.ts'
import { type Acl, isMetastream, metadataOf, originalOf, parseAcl } from '../streams/metadata.ts'
import type { User, Users } from './users.ts'

export type Action = 'read' | 'write' | 'delete'

export type Guard = {
  /** Throws a GrpcError if the caller may not do it. `$all` counts as a stream here. */
  readonly check: (call: Call, action: Action, stream: string) => void
  readonly may: (call: Call, action: Action, stream: string) => boolean
  /** For things that only operators may do. */
  readonly checkAdmin: (call: Pick<Call, 'headers'>) => void
  /** Undefined without authentication; with it, throws a GrpcError for callers who are nobody. */
  readonly user: (call: Pick<Call, 'headers'>) => User | undefined
}

/** Refuses what nobody may do, not even operators: writing to `$all`, which is not a stream, and deleting metadata,
 *  which goes with its stream. */
const isForbidden = (action: Action, stream: string): boolean =>
  (stream === '$all' && action !== 'read') || (isMetastream(stream) && action === 'delete')

export const OPEN_GUARD: Guard = {
  check: (_call, action, stream) => {
    if (isForbidden(action, stream)) throw errors.accessDenied()
  },
  may: (_call, action, stream) => !isForbidden(action, stream),
  checkAdmin: () => {},
  user: () => undefined,
}

const isAdmin = (user: User): boolean => user.login === 'admin' || user.groups.includes('$admins')

const PROJECTED = /^\$(streams$|ce-|et-|bc-)/

/** The right's name in an access list. */
type Right = '$r' | '$w' | '$d' | '$mr' | '$mw'
const RIGHTS: Readonly<Record<Action, Right>> = { read: '$r', write: '$w', delete: '$d' }
const META_RIGHTS: Readonly<Record<Action, Right>> = { read: '$mr', write: '$mw', delete: '$d' }

/** The stream whose last event contains the access lists for streams that have none of their own. */
const SETTINGS = '$settings'
type DefaultAcls = { readonly user: Acl | undefined; readonly system: Acl | undefined }

const parseDefaults = (data: string): DefaultAcls => {
  try {
    const json: unknown = JSON.parse(data)
    if (typeof json === 'object' && json !== null) {
      const { $userStreamAcl, $systemStreamAcl } = json as Record<string, unknown>
      return { user: parseAcl($userStreamAcl), system: parseAcl($systemStreamAcl) }
    }
  } catch {
    // A list that can't be read counts as empty.
  }
  return { user: undefined, system: undefined }
}

export const createGuard = (storage: Storage, users: Users): Guard => {
  const user = (call: Pick<Call, 'headers'>): User => {
    const header = call.headers.authorization
    if (header === undefined) throw errors.accessDenied()
    const found = users.authenticate(header)
    if (found === undefined) throw errors.unauthenticated()
    return found
  }

  let read = { at: -1, acls: parseDefaults('') }
  const defaultAcls = (): DefaultAcls => {
    const settings = storage.stream(SETTINGS)
    if (settings.last !== read.at) {
      const [event] = settings.last < 0 ? [] : storage.streamBackwards(settings.id, settings.last, 1)
      read = {
        at: settings.last,
        acls: parseDefaults(event === undefined ? '' : decodeBody(event.body).data.toString('utf8')),
      }
    }
    return read.acls
  }

  /** The roles that may, if the stream's own list says nothing: those that `$settings` names; otherwise everyone for
   *  ordinary streams and operators for system streams. Everyone may read what the system projections write. */
  const defaults = (right: Right, stream: string): ReadonlyArray<string> => {
    const { user, system } = defaultAcls()
    if (!stream.startsWith('$')) return user?.[right] ?? ['$all']
    return right === '$r' && PROJECTED.test(stream) ? ['$all'] : (system?.[right] ?? ['$admins'])
  }

  const rolesFor = (action: Action, stream: string): ReadonlyArray<string> => {
    const meta = isMetastream(stream)
    const owner = meta ? originalOf(stream) : stream
    const right = (meta ? META_RIGHTS : RIGHTS)[action]
    return metadataOf(storage, storage.stream(owner)).acl?.[right] ?? defaults(right, owner)
  }

  const allowed = (who: User, action: Action, stream: string): boolean => {
    if (isForbidden(action, stream)) return false
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

/** A call's credentials are checked before its handler sees it: hashing is slow, and nobody else waits for it. What
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
