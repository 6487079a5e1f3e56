/** An event log whose personal fields are sealed on the way in and opened on the way out. The rest of the project sees
 *  plain events; the log, its backups and its proofs see sealed ones. */

import { type KeyObject, randomBytes } from 'node:crypto'
import * as E from 'fp-ts/lib/Either.js'
import type * as TE from 'fp-ts/lib/TaskEither.js'
import type { LRUCache } from 'lru-cache'
import type { Subject } from '../../domain/identity.ts'
import type {
  EventLog,
  GivenLately,
  LogSubscription,
  NewEvent,
  ReadError,
  RecordedEvent,
  SubscriptionItem,
} from '../../domain/ports.ts'
import { provedJson } from '../../projections/audit/canonical.ts'
import { boundedCache } from '../bounded-cache.ts'
import { commitmentTo } from './commitment.ts'
import { givenLately } from './given-lately.ts'
import { type OpenedSeals, recentSeals } from './opened-seals.ts'
import { openGcmValue, openText, PERSONAL, type SubjectKey, sealText } from './seal.ts'
import { openValue, type SealedValue, sealValue } from './value-seal.ts'
import { type Erased, type KeyRef, refOf, type Vault } from './vault.ts'

type Json = Record<string, unknown>
const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** Whose key an event is sealed under: the actor's. The system has no personal data. */
const subjectOf = (metadata: unknown): Subject | null => {
  const actor = isObject(metadata) ? metadata.actor : null
  return isObject(actor) && actor.kind !== 'system' && typeof actor.id === 'string' ? actor.id : null
}

const needsSealing = (event: NewEvent): Subject | null => {
  const subject = subjectOf(event.metadata)
  if (subject === null) return null
  return isPersonal(event) || hasClient(event.metadata as Json) ? subject : null
}
const isPersonal = ({ type, data }: NewEvent): boolean => {
  const personal = PERSONAL[type]
  if (personal === undefined || !isObject(data)) return false
  const value = data[personal.field]
  return value !== undefined && value !== personal.blank
}
/** An event without personal data stays as it is. */
const hasClient = ({ client }: Json): boolean => {
  if (!isObject(client)) return false
  for (const _ in client) return true
  return false
}

/** The contents of a seal, as JSON: `[ip, userAgent]`; in events from before values had seals of their own, the event's
 *  personal field and its salt follow. If there is more about a client, and in seals from before this shorter form: `{
 *  client?, value?, salt? }`. */
const packed = (client: unknown): string => {
  if (!isUsual(client)) return JSON.stringify({ client })
  const { ip, userAgent } = client as Json
  return JSON.stringify([ip, userAgent])
}
const NO_CLIENT = '[null,null]'
/** Whether a client is missing, or consists of an address and a user agent only. */
const isUsual = (client: unknown): boolean => {
  if (!isObject(client)) return true
  const { ip, userAgent, ...more } = client
  for (const _ in more) return false
  return [ip, userAgent].every((part) => part === undefined || typeof part === 'string')
}

type Contents = { readonly client?: unknown; readonly value?: unknown; readonly salt?: unknown }
const unpacked = (text: string): Contents => {
  const contents: unknown = JSON.parse(text)
  if (!Array.isArray(contents)) return contents as Contents
  const [ip, userAgent] = contents
  const client = { ...(ip === null ? {} : { ip }), ...(userAgent === null ? {} : { userAgent }) }
  return {
    ...(ip === null && userAgent === null ? {} : { client }),
    ...(contents.length > 2 ? { value: contents[2] } : {}),
    ...(contents.length > 3 ? { salt: contents[3] } : {}),
  }
}

/** What a seal of only the client is bound to: the same seal is used for everything that this person does from there. */
const clientOf = (subject: Subject): string => `client ${subject}`

/** Seals of clients made here, and the key that each is under. */
type Clients = LRUCache<string, { readonly sealed: string; readonly key: KeyObject }>
const CLIENTS = 10_000

/** Caches of what was sealed and opened here lately. */
type Made = { readonly clients: Clients; readonly recent: OpenedSeals }

/** `contents`: the client, as `packed` makes it. */
const sealClient = (
  contents: string,
  subject: Subject,
  { generation, key }: SubjectKey,
  { clients: made, recent }: Made,
): string => {
  const name = `${subject} ${contents}`
  const known = made.get(name)
  if (known?.key === key) return known.sealed
  const sealed = `${generation}c.${sealText(contents, key, clientOf(subject))}`
  made.set(name, { sealed, key })
  recent.put(sealed, contents, key, clientOf(subject))
  return sealed
}

/** Personal data is sealed in the metadata: the client in the seal used for everything that this person does from
 *  there, and the value under a key of its own, with a commitment to it beside the seal. Data whose field was moved
 *  there is marked with `sealed: true`. */
const seal = (event: NewEvent, subject: Subject, under: SubjectKey, made: Made): NewEvent => {
  const { id, type, data } = event
  const given = event.metadata as Json
  const inClient = hasClient(given)
  const { client, ...rest } = given
  const metadata: Json = inClient ? rest : { ...given }
  if (!isPersonal(event)) {
    metadata.sealed = sealClient(packed(client), subject, under, made)
    return { id, type, data, metadata }
  }
  const { field, blank } = PERSONAL[type]!
  const value = (data as Json)[field]
  const { sealed, commit } = isUsual(client)
    ? sealApart(client, inClient, { event, value, subject, under, made })
    : sealWhole(client, { event, value, under, made })
  metadata.sealed = sealed
  metadata.commit = commit
  return { id, type, data: { ...(data as Json), [field]: blank, sealed: true }, metadata }
}

type Committed = Pick<SealedValue, 'sealed' | 'commit'>
type Sealing = {
  readonly event: NewEvent
  readonly value: unknown
  readonly under: SubjectKey
  readonly made: Made
}
/** `<generation>x.<the client's seal, or nothing>.<the value's>` */
const sealApart = (
  client: unknown,
  inClient: boolean,
  { event, value, subject, under, made }: Sealing & { readonly subject: Subject },
): Committed => {
  const from = inClient ? packed(client) : NO_CLIENT
  const clientSeal = inClient ? sealClient(from, subject, under, made) : '.'
  const text = provedJson(value)
  const { sealed: own, salt, commit } = sealValue(text, under.key, event.id)
  const sealed = `${under.generation}x.${clientSeal.slice(clientSeal.indexOf('.') + 1)}.${own}`
  made.recent.put(sealed, `${from.slice(0, -1)},${text},"${salt}"]`, under.key, event.id)
  return { sealed, commit }
}
const sealWhole = (client: unknown, { event, value, under, made }: Sealing): Committed => {
  const salt = randomBytes(16).toString('base64')
  const contents = JSON.stringify({ client, value, salt })
  const sealed = `${under.generation}.${sealText(contents, under.key, event.id)}`
  made.recent.put(sealed, contents, under.key, event.id)
  return { sealed, commit: commitmentTo(value, salt) }
}

type Seal = {
  readonly sealed: string
  /** Where the base64 begins. */
  readonly from: number
  readonly bound: string
  /** If the client and the value have a seal each, the mark of the value's form. */
  readonly apart: 'x' | 'w' | null
  readonly ref: KeyRef
}
/** The seal of an event that has one, and whose key it is under. */
const sealOf = (event: RecordedEvent): Seal | null => {
  const { metadata } = event
  if (!isObject(metadata) || typeof metadata.sealed !== 'string') return null
  const { sealed } = metadata
  const end = sealed.slice(0, MARK).indexOf('.')
  const mark = sealed[end - 1]
  const isClient = mark === 'c'
  const apart = mark === 'x' || mark === 'w' ? mark : null
  const generation = sealed.slice(0, isClient || apart !== null ? end - 1 : end)
  if (end < 1 || !GENERATION.test(generation)) return null
  const subject = subjectOf(metadata)
  if (subject === null) return null
  const bound = isClient ? clientOf(subject) : event.id
  return { sealed, from: end + 1, bound, apart, ref: { subject, generation: Number(generation) } }
}
/** Whose key opens the event as it is on the log; null if nothing in it is sealed. */
export const keyRefOf = (event: RecordedEvent): KeyRef | null => sealOf(event)?.ref ?? null

/** The longest prefix: a generation, a `c` if only a client is sealed, an `x` or a `w` if the value has a seal of its own, and a point. */
const MARK = 11
const GENERATION = /^\d{1,9}$/

type Closed = Pick<Seal, 'sealed' | 'from' | 'bound'>
const openedSeal = (
  { sealed, from, bound }: Closed,
  id: string,
  key: KeyObject,
  recent: OpenedSeals,
): string => {
  const text = openText(sealed, from, key, bound)
  // Words are read once; a client, again and again.
  if (bound !== id) recent.put(sealed, text, key, bound)
  return text
}
const openedApart = (
  id: string,
  { sealed, from, apart, ref }: Seal,
  key: KeyObject,
  recent: OpenedSeals,
): Contents => {
  const middle = sealed.indexOf('.', from)
  if (middle < 0) throw new Error('too short')
  const { text, salt } = (apart === 'x' ? openValue : openGcmValue)(sealed.slice(middle + 1), key, id)
  const value: unknown = JSON.parse(text)
  if (middle === from) return { value, salt }
  const bound = clientOf(ref.subject)
  const mark = `${ref.generation}c.`
  const client: Closed = { sealed: `${mark}${sealed.slice(from, middle)}`, from: mark.length, bound }
  const known = recent.get(client.sealed, key, bound)
  return { ...unpacked(known ?? openedSeal(client, id, key, recent)), value, salt }
}

const open = (
  event: RecordedEvent,
  seal: Seal,
  key: KeyObject | Erased,
  recent: OpenedSeals,
): RecordedEvent => {
  const stored = { data: event.data, metadata: event.metadata }
  const { sealed, commit, ...metadata } = event.metadata as Json
  const field = PERSONAL[event.type]?.field
  const inData = field !== undefined && isObject(event.data) && event.data.sealed === true
  const { sealed: _, ...data } = inData ? (event.data as Json) : {}
  const left = (note: Json) => ({
    ...event,
    data: inData ? { ...data, ...note } : event.data,
    metadata: { ...metadata, ...note },
    stored,
  })
  if ('erased' in key) return left({ erased: key.erased })
  try {
    const text = recent.get(seal.sealed, key, seal.bound)
    const contents =
      text !== undefined
        ? unpacked(text)
        : seal.apart !== null
          ? openedApart(event.id, seal, key, recent)
          : unpacked(openedSeal(seal, event.id, key, recent))
    if (inData && !('value' in contents)) return left({ unreadable: true })
    if (inData) data[field] = contents.value
    if (contents.client !== undefined) metadata.client = contents.client
    const { salt } = contents
    return {
      ...event,
      data: inData ? data : event.data,
      metadata,
      stored: typeof salt === 'string' ? { ...stored, salt } : stored,
    }
  } catch {
    // The seal was altered, so the event fails its proof, too. The field stays blank, as if erased.
    return left({ unreadable: true })
  }
}

const NOTHING: OpenedSeals = { put: () => {}, get: () => undefined }

/** Throws the vault's errors: an event is never passed on unopened because a key could not be fetched. Returns a
 *  promise only if a key must be fetched. */
export const openEvents = (
  events: ReadonlyArray<RecordedEvent>,
  vault: Vault,
  recent: OpenedSeals = NOTHING,
): ReadonlyArray<RecordedEvent> | Promise<ReadonlyArray<RecordedEvent>> => {
  const seals: Array<Seal | null> = []
  const keys: Array<KeyObject | Erased | undefined> = []
  const asked = new Map<string, KeyRef>()
  let some = false
  for (const event of events) {
    const seal = sealOf(event)
    seals.push(seal)
    if (seal === null) {
      keys.push(undefined)
      continue
    }
    some = true
    const key = vault.openingNow?.(seal.ref)
    keys.push(key)
    if (key === undefined) asked.set(refOf(seal.ref), seal.ref)
  }
  if (!some) return events
  const all = (told: ReadonlyMap<string, KeyObject | Erased>) =>
    events.map((event, i) => {
      const seal = seals[i]!
      if (seal === null) return event
      const key = keys[i] ?? told.get(refOf(seal.ref))
      // The key was never here: a log without its vault. The event counts; its personal part stays sealed.
      return key === undefined ? event : open(event, seal, key, recent)
    })
  return asked.size === 0 ? all(new Map()) : vault.opening([...asked.values()]).then(all)
}

const RETRY_MS = 250

/** `open` does to events as they are on the log what reading them through this log does. */
export type SealedLog<Log extends EventLog> = Log & {
  readonly open: (
    events: ReadonlyArray<RecordedEvent>,
  ) => ReadonlyArray<RecordedEvent> | Promise<ReadonlyArray<RecordedEvent>>
  /** For a subscription whose consumer needs no event as it is on the log. */
  readonly given: GivenLately
}

export const sealedLog = <Log extends EventLog>(log: Log, vault: Vault): SealedLog<Log> => {
  const recent = recentSeals()
  const made: Made = { clients: boundedCache(CLIENTS), recent }
  const given = givenLately()
  const unavailable = (error: unknown) =>
    E.left({ _tag: 'LogUnavailable' as const, cause: `keys: ${(error as Error).message}` })
  const opened =
    (
      read: TE.TaskEither<ReadError, ReadonlyArray<RecordedEvent>>,
    ): TE.TaskEither<ReadError, ReadonlyArray<RecordedEvent>> =>
    async () => {
      const events = await read()
      if (E.isLeft(events)) return events
      try {
        return E.right(await openEvents(events.right, vault, recent))
      } catch (error) {
        return unavailable(error)
      }
    }

  return {
    ...log,
    given: given.take,
    append: (stream, expected, events) => {
      given.put(stream, events)
      const subjects = events.map(needsSealing)
      if (subjects.every((subject) => subject === null)) return log.append(stream, expected, events)
      const sealed = (keyOf: (subject: Subject) => SubjectKey | undefined): ReadonlyArray<NewEvent> =>
        events.map((event, i) => {
          const subject = subjects[i]!
          return subject === null ? event : seal(event, subject, keyOf(subject)!, made)
        })
      return async () => {
        const { sealingNow } = vault
        const isKnown = (subject: Subject | null): boolean =>
          subject === null || sealingNow?.(subject) !== undefined
        if (subjects.every(isKnown)) return log.append(stream, expected, sealed(sealingNow!))()
        let keys: ReadonlyMap<Subject, SubjectKey>
        try {
          keys = await vault.sealing([...new Set(subjects)].filter((subject) => subject !== null))
        } catch (error) {
          return unavailable(error)
        }
        const ready = sealed((subject) => keys.get(subject))
        return log.append(stream, expected, ready)()
      }
    },
    open: (events) => openEvents(events, vault, recent),
    readStream: (stream, read) => opened(log.readStream(stream, read)),
    readAll: (read) => opened(log.readAll(read)),
    subscribe: (options) => {
      const inner = log.subscribe(options)
      let stopped = false
      const openBatch = async (
        batch: ReadonlyArray<SubscriptionItem>,
      ): Promise<ReadonlyArray<SubscriptionItem>> => {
        const events = batch.flatMap((item) => (item.kind === 'event' ? [item.event] : []))
        for (;;) {
          try {
            const plain = await openEvents(events, vault, recent)
            let next = 0
            return batch.map((item) =>
              item.kind === 'event' ? { kind: 'event', event: plain[next++]! } : item,
            )
          } catch (error) {
            // The keys can't be fetched now: nothing is skipped, so wait, as for a log that is away.
            if (stopped) throw error
            await new Promise((resolve) => setTimeout(resolve, RETRY_MS))
          }
        }
      }
      const subscription: LogSubscription = {
        state: inner.state,
        stop: () => {
          stopped = true
          return inner.stop()
        },
        async *[Symbol.asyncIterator]() {
          for await (const batch of inner) yield await openBatch(batch)
        },
      }
      return subscription
    },
  }
}
