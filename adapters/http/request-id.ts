/** A request's id: the client's own where it sends one, and what the log has of it. */
import { hash, randomUUID } from 'node:crypto'
import { derivedUuid } from '../../domain/ids.ts'

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/
const sha256 = (text: string): string => hash('sha256', text, 'hex')

export const requestId = (incoming: unknown): string =>
  typeof incoming === 'string' && /^[A-Za-z0-9._:-]{1,128}$/.test(incoming) ? incoming : randomUUID()

/** It stays on the log for good, where no words may be: an id that is no UUID is replaced there by a UUID made from it. */
export const loggedId = (id: string): string => (UUID.test(id) ? id : derivedUuid(sha256, `request ${id}`))
