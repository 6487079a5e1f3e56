/** A request's id: the client's own if it sends one, and the form in which it is on the log. */
import { hash, randomUUID } from 'node:crypto'
import { derivedUuid } from '../../domain/ids.ts'

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/
const sha256 = (text: string): string => hash('sha256', text, 'hex')

export const requestId = (incoming: unknown): string =>
  typeof incoming === 'string' && /^[A-Za-z0-9._:-]{1,128}$/.test(incoming) ? incoming : randomUUID()

/** The id as it is kept on the log for good, where there may be no words: an id that is not a UUID is replaced by a UUID made from it. */
export const loggedId = (id: string): string => (UUID.test(id) ? id : derivedUuid(sha256, `request ${id}`))
