/** Turns a primary's row into a row here, however it came (replicated, polled, swept): it takes Postgres' own text. It
 *  accepts whatever real tables contain, except a key that no space can have. If a value can't be read, the room stays
 *  closed. */
import * as E from 'fp-ts/lib/Either.js'
import { isAccount, parseSpace } from '../../../domain/names.ts'
import { readTime } from '../../../domain/time.ts'
import type { TableName } from './tables.ts'

/** Columns by name, as text. Null: NULL, or there is no such column. Undefined: it was not sent, since it did not change. */
export type RawRow = Readonly<Record<string, string | null | undefined>>
export type ContentRow = Readonly<Record<string, string | number | boolean>>

const MAX_TITLE = 1_024
const MAX_WORD = 64
const MAX_CONTENT = 1_000_000
const MAX_INT = 2 ** 31 - 1
/** The time that is used if there is none: fixed, so that reading the row again changes nothing. */
const SOME_TIME = '2020-01-01T00:00:00.000Z'

/** A text that is too long is cut, never refused. */
const text = (value: string | null | undefined, max: number): string => {
  if (value === null || value === undefined) return ''
  const cut = value.length > max ? value.slice(0, max) : value
  return cut.replaceAll('\0', '').toWellFormed()
}

const TRUE = /^(?:t|true|y|yes|on|\+?0*[1-9]\d*(?:\.\d+)?)$/i
const FALSE = /^(?:f|false|n|no|off|[+-]?0+(?:\.0+)?|)$/i
/** `closed`: the value that keeps a room closed, used for text that is neither true nor false. NULL is false, like the columns' default. */
const truth = (value: string | null | undefined, closed: boolean): boolean => {
  const word = (value ?? '').trim()
  return TRUE.test(word) ? true : FALSE.test(word) ? false : closed
}

const number = (value: string | null | undefined): number => {
  const read = Number(value ?? 0)
  return Number.isFinite(read) ? read : 0
}
const whole = (value: string | null | undefined): number =>
  Math.max(-MAX_INT, Math.min(MAX_INT, Math.trunc(number(value))))

const SECONDS = /^\d{9,10}(?:\.\d+)?$/
const MILLISECONDS = /^\d{12,13}$/
const HAS_ZONE = /(?:Z|[+-]\d{2}(?::?\d{2})?)$/
/** Kept as it was written, to the microsecond; in UTC if it has no zone. */
const time = (value: string | null | undefined): string | null => {
  const written = (value ?? '').trim()
  if (SECONDS.test(written)) return new Date(Number(written) * 1_000).toISOString()
  if (MILLISECONDS.test(written)) return new Date(Number(written)).toISOString()
  const read = readTime(written)
  if (read === null || read.getUTCFullYear() < 1 || read.getUTCFullYear() > 9_999) return null
  return written.length === 10 ? read.toISOString() : HAS_ZONE.test(written) ? written : `${written}Z`
}
const times = (raw: RawRow) => {
  const created_at = time(raw.created_at) ?? time(raw.updated_at) ?? SOME_TIME
  return { created_at, updated_at: time(raw.updated_at) ?? created_at }
}

const shown = (value: string | null | undefined): string =>
  value === null || value === undefined ? 'NULL' : `“${value.slice(0, 60).toWellFormed()}”`

/** The row's key; left is a sentence about why no space can have it. */
export const keyOf = (table: TableName, raw: RawRow): E.Either<string, ReadonlyArray<string>> => {
  switch (table) {
    case 'posts': {
      const { author, permlink } = raw
      return E.isRight(parseSpace('post', `${author ?? ''}/${permlink ?? ''}`))
        ? E.right([author!, permlink!])
        : E.left(`posts: author ${shown(author)}, permlink ${shown(permlink)} can’t be a room’s name`)
    }
    case 'collaboration_documents':
      return E.isRight(parseSpace('document', raw.id))
        ? E.right([raw.id!])
        : E.left(`collaboration_documents: id ${shown(raw.id)} can’t be a room’s name`)
    case 'collaboration_permissions': {
      const { document_id, user_account } = raw
      return E.isRight(parseSpace('document', document_id)) && isAccount(user_account ?? '')
        ? E.right([document_id!, user_account!])
        : E.left(
            `collaboration_permissions: document_id ${shown(document_id)}, user_account ${shown(user_account)} name no document and account`,
          )
    }
    default: {
      const never: never = table
      throw new Error(`unknown table ${never}`)
    }
  }
}

/** Left: a sentence about why there is no such row. */
export const rowOf = (table: TableName, raw: RawRow): E.Either<string, ContentRow> => {
  const key = keyOf(table, raw)
  if (E.isLeft(key)) return key
  switch (table) {
    case 'posts':
      return E.right({
        author: raw.author!,
        permlink: raw.permlink!,
        type: text(raw.type, MAX_WORD),
        title: text(raw.title, MAX_TITLE),
        content: text(raw.content, MAX_CONTENT),
        votes: whole(raw.votes),
        rating: number(raw.rating),
        nsfw: truth(raw.nsfw, true),
        hidden: truth(raw.hidden, true),
        flagged: truth(raw.flagged, true),
        ...times(raw),
      })
    case 'collaboration_documents':
      return E.right({
        id: raw.id!,
        title: text(raw.title, MAX_TITLE),
        // A document without a creator has no owner.
        creator: isAccount(raw.creator ?? '') ? raw.creator! : '',
        is_public: truth(raw.is_public, false),
        is_deleted: truth(raw.is_deleted, true),
        ...times(raw),
      })
    case 'collaboration_permissions':
      return E.right({
        document_id: raw.document_id!,
        user_account: raw.user_account!,
        permission: text(raw.permission, MAX_WORD) || 'readonly',
      })
    default: {
      const never: never = table
      throw new Error(`unknown table ${never}`)
    }
  }
}
