/** The file that `content load` reads: one JSON object, or one per line, each checked before anything is written. */
import * as E from 'fp-ts/lib/Either.js'
import { isAccount, parseSpace } from '../../domain/names.ts'
import { readTime } from '../../domain/time.ts'

export type Post = {
  readonly author: string
  readonly permlink: string
  readonly type: string
  readonly title: string
  readonly content: string
  readonly votes: number
  readonly rating: number
  readonly nsfw: boolean
  readonly hidden: boolean
  readonly flagged: boolean
  readonly created_at: string
  readonly updated_at: string
}
export type Document = {
  readonly id: string
  readonly title: string
  readonly creator: string
  readonly is_public: boolean
  readonly is_deleted: boolean
  readonly created_at: string
  readonly updated_at: string
}
export type Collaboration = {
  readonly document_id: string
  readonly user_account: string
  readonly permission: string
}
export type ContentFile = {
  readonly posts: ReadonlyArray<Post>
  readonly documents: ReadonlyArray<Document>
  readonly permissions: ReadonlyArray<Collaboration>
}

/** A sentence for each thing that is wrong, with its place. */
export type Wrong = ReadonlyArray<string>

type Fields = Readonly<Record<string, unknown>>
const isObject = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** Reads fields of one object, and collects what is wrong with them. */
const reader = (place: string, from: Fields, wrong: string[]) => {
  const say = (field: string, what: string) => wrong.push(`${place}: ${field} ${what}.`)
  const text = (field: string, standard: string | null, max = 65_535): string => {
    const value = from[field]
    if (value === undefined || value === null) {
      if (standard === null) say(field, 'is missing')
      return standard ?? ''
    }
    if (typeof value === 'number' && field === 'id') return String(value)
    if (typeof value !== 'string') say(field, 'must be a text')
    else if (value.length > max) say(field, `is longer than ${max} characters`)
    else if (!value.isWellFormed() || value.includes('\0')) say(field, 'has characters that are no text')
    else return value
    return ''
  }
  const truth = (field: string): boolean => {
    const value = from[field] ?? false
    if (typeof value !== 'boolean') say(field, 'must be true or false')
    return value === true
  }
  const number = (field: string, whole: boolean): number => {
    const value = from[field] ?? 0
    if (
      typeof value === 'number' &&
      Number.isFinite(value) &&
      (!whole || (Math.abs(value) <= 2 ** 31 - 1 && Number.isInteger(value)))
    )
      return value
    say(field, whole ? 'must be a whole number' : 'must be a number')
    return 0
  }
  const time = (field: string): string | null => {
    const value = from[field]
    if (value === undefined || value === null) return null
    // Chains write times without a zone: these are in UTC, wherever this runs.
    const read = typeof value === 'string' ? readTime(value) : null
    if (read !== null && read.getUTCFullYear() >= 1 && read.getUTCFullYear() <= 9_999)
      return read.toISOString()
    say(field, 'must be a time such as 2026-01-31T12:00:00Z')
    return null
  }
  const account = (field: string): string => {
    const value = text(field, null)
    if (value !== '' && !isAccount(value))
      say(field, `must be a Hive account name, and is “${value.slice(0, 60)}”`)
    return value
  }
  return { say, text, truth, number, time, account }
}

/** The time that is used if the file has none: fixed, so that loading the file again changes nothing. */
const SOME_TIME = '2020-01-01T00:00:00.000Z'

const post = (place: string, from: Fields, wrong: string[]): Post => {
  const read = reader(place, from, wrong)
  const author = read.account('author')
  const permlink = read.text('permlink', null, 255)
  if (isAccount(author) && permlink !== '' && E.isLeft(parseSpace('post', `${author}/${permlink}`)))
    read.say('permlink', 'must be of lower-case letters, digits and hyphens')
  const created = read.time('created_at') ?? SOME_TIME
  return {
    author,
    permlink,
    type: read.text('type', '', 64),
    title: read.text('title', '', 1_024),
    content: read.text('content', '', 1_000_000),
    votes: read.number('votes', true),
    rating: read.number('rating', false),
    nsfw: read.truth('nsfw'),
    hidden: read.truth('hidden'),
    flagged: read.truth('flagged'),
    created_at: created,
    updated_at: read.time('updated_at') ?? created,
  }
}

const document = (place: string, from: Fields, wrong: string[]): Document => {
  const read = reader(place, from, wrong)
  const id = read.text('id', null, 255)
  if (id !== '' && E.isLeft(parseSpace('document', id))) read.say('id', 'is not of a space id’s form')
  const created = read.time('created_at') ?? SOME_TIME
  return {
    id,
    title: read.text('title', '', 1_024),
    creator: read.account('creator'),
    is_public: read.truth('is_public'),
    is_deleted: read.truth('is_deleted'),
    created_at: created,
    updated_at: read.time('updated_at') ?? created,
  }
}

const collaboration = (place: string, from: Fields, wrong: string[]): Collaboration => {
  const read = reader(place, { ...from, id: from.document_id }, wrong)
  const id = read.text('id', null, 255)
  return {
    document_id: id,
    user_account: read.account('user_account'),
    permission: read.text('permission', 'readonly', 64),
  }
}

const LISTS = ['posts', 'documents', 'permissions'] as const
const KINDS = ['post', 'document', 'permission'] as const
type Item = { readonly place: string; readonly kind: (typeof KINDS)[number]; readonly from: Fields }

const itemsOfObject = (json: Fields, wrong: string[]): Item[] => {
  const items: Item[] = []
  for (const key of Object.keys(json))
    if (!(LISTS as ReadonlyArray<string>).includes(key))
      wrong.push(`“${key.slice(0, 60)}” is none of ${LISTS.join(', ')}.`)
  LISTS.forEach((list, i) => {
    const values = json[list] ?? []
    if (!Array.isArray(values)) {
      wrong.push(`${list} must be a list.`)
      return
    }
    values.forEach((from: unknown, n) => {
      const place = `${list}[${n}]`
      if (isObject(from)) items.push({ place, kind: KINDS[i]!, from })
      else wrong.push(`${place}: must be an object.`)
    })
  })
  return items
}

const itemsOfLines = (text: string, wrong: string[]): Item[] => {
  const items: Item[] = []
  text.split('\n').forEach((line, i) => {
    if (line.trim() === '') return
    const place = `line ${i + 1}`
    let from: unknown
    try {
      from = JSON.parse(line)
    } catch {
      wrong.push(`${place}: is not JSON.`)
      return
    }
    const kind = isObject(from) ? KINDS.find((one) => one === (from as Fields).kind) : undefined
    if (kind === undefined) wrong.push(`${place}: kind must be one of ${KINDS.join(', ')}.`)
    else items.push({ place, kind, from: from as Fields })
  })
  return items
}

/** A file's contents, and a sentence for each row that can't be used. */
export type Parsed = { readonly file: ContentFile; readonly skipped: Wrong }

/** Parses `{ posts, documents, permissions }`, or lines of `{ kind: "post" | "document" | "permission", … }`. A wrong
 *  row is left out and reported; left if no row in the file can be used. */
export const parseContent = (text: string): E.Either<Wrong, Parsed> => {
  const skipped: string[] = []
  let whole: unknown
  try {
    whole = JSON.parse(text)
  } catch {
    whole = undefined
  }
  const items =
    isObject(whole) && whole.kind === undefined ? itemsOfObject(whole, skipped) : itemsOfLines(text, skipped)
  const of = <A>(kind: Item['kind'], read: (place: string, from: Fields, wrong: string[]) => A): A[] =>
    items
      .filter((item) => item.kind === kind)
      .flatMap((item) => {
        const wrong: string[] = []
        const row = read(item.place, item.from, wrong)
        skipped.push(...wrong)
        return wrong.length === 0 ? [row] : []
      })
  const file = {
    posts: of('post', post),
    documents: of('document', document),
    permissions: of('permission', collaboration),
  }
  const isEmpty = Object.values(file).every((rows) => rows.length === 0)
  return isEmpty && skipped.length > 0 ? E.left(skipped) : E.right({ file, skipped })
}
