/** An event log whose personal fields are sealed on the way in and opened on the way out. Everything else of the
 *  project sees plain events; the log, its backups and its proofs see sealed ones. */
import type { KeyObject } from 'node:crypto'
import * as TE from 'fp-ts/lib/TaskEither.js'
import type {
  AppendError,
  EventLog,
  LogSubscription,
  NewEvent,
  ReadError,
  RecordedEvent,
  SubscriptionItem,
} from '../../domain/ports.ts'
import { generationOf, openValue, PERSONAL, type SubjectKey, sealValue } from './seal.ts'
import { type Erased, type KeyRef, refOf, type Subject, type Vault } from './vault.ts'

type Json = Record<string, unknown>
const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** Whose key an event is sealed under: the one who acted. The system has nothing personal. */
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
/** One that says nothing of anybody is left as it is. */
const hasClient = ({ client }: Json): boolean => isObject(client) && Object.keys(client).length > 0

/** What is personal goes into one seal, in the metadata: `{ client?, value? }`. Data that left its field there is marked
 *  by `sealed: true`. */
const seal = (event: NewEvent, key: SubjectKey): NewEvent => {
  const personal = PERSONAL[event.type]
  const inData = isPersonal(event)
  const given = event.metadata as Json
  const { client, ...rest } = given
  const inClient = hasClient(given)
  const contents = {
    ...(inClient ? { client } : {}),
    ...(inData ? { value: (event.data as Json)[personal!.field] } : {}),
  }
  return {
    ...event,
    data: inData ? { ...(event.data as Json), [personal!.field]: personal!.blank, sealed: true } : event.data,
    metadata: { ...(inClient ? rest : given), sealed: sealValue(contents, key, event.id) },
  }
}

/** The seal of an event that has one, and whose key it is under. */
const sealOf = (event: RecordedEvent): { readonly sealed: string; readonly ref: KeyRef } | null => {
  const { metadata } = event
  if (!isObject(metadata) || typeof metadata.sealed !== 'string' || !SEAL.test(metadata.sealed)) return null
  const subject = subjectOf(metadata)
  if (subject === null) return null
  return { sealed: metadata.sealed, ref: { subject, generation: generationOf(metadata.sealed) } }
}
const SEAL = /^\d{1,9}\./

const open = (event: RecordedEvent, keys: ReadonlyMap<string, KeyObject | Erased>): RecordedEvent => {
  const found = sealOf(event)
  if (found === null) return event
  const key = keys.get(refOf(found.ref))
  // No key was ever here: a log without its vault. The event stands, its personal part stays shut.
  if (key === undefined) return event
  const stored = { data: event.data, metadata: event.metadata }
  const { sealed: _, ...metadata } = event.metadata as Json
  const field = PERSONAL[event.type]?.field
  const inData = field !== undefined && isObject(event.data) && event.data.sealed === true
  const { sealed: __, ...data } = inData ? (event.data as Json) : {}
  const left = (note: Json) => ({
    ...event,
    data: inData ? { ...data, ...note } : event.data,
    metadata: { ...metadata, ...note },
    stored,
  })
  if ('erased' in key) return left({ erased: key.erased })
  try {
    const contents = openValue(found.sealed, key, event.id) as { client?: unknown; value?: unknown }
    return {
      ...event,
      data: inData ? { ...data, [field]: contents.value } : event.data,
      metadata: contents.client === undefined ? metadata : { ...metadata, client: contents.client },
      stored,
    }
  } catch {
    // Altered: said in the event itself, which then fails its proof too. It stays blank, as one that was erased.
    return left({ unreadable: true })
  }
}

/** Throws what the vault throws: an event is never handed on shut because a key could not be asked for. */
export const openEvents = async (
  events: ReadonlyArray<RecordedEvent>,
  vault: Vault,
): Promise<ReadonlyArray<RecordedEvent>> => {
  const refs = new Map<string, KeyRef>()
  for (const event of events) {
    const ref = sealOf(event)?.ref
    if (ref !== undefined) refs.set(refOf(ref), ref)
  }
  if (refs.size === 0) return events
  const keys = await vault.opening([...refs.values()])
  return events.map((event) => open(event, keys))
}

const RETRY_MS = 250

export const sealedLog = <Log extends EventLog>(log: Log, vault: Vault): Log => {
  const opened = (read: TE.TaskEither<ReadError, ReadonlyArray<RecordedEvent>>) =>
    TE.chain((events: ReadonlyArray<RecordedEvent>) =>
      TE.tryCatch(
        () => openEvents(events, vault),
        (error): ReadError => ({ _tag: 'LogUnavailable', cause: `keys: ${(error as Error).message}` }),
      ),
    )(read)

  return {
    ...log,
    append: (stream, expected, events) => {
      const subjects = new Set<Subject>()
      for (const event of events) {
        const subject = needsSealing(event)
        if (subject !== null) subjects.add(subject)
      }
      if (subjects.size === 0) return log.append(stream, expected, events)
      return TE.chain((keys: ReadonlyMap<Subject, SubjectKey>) =>
        log.append(
          stream,
          expected,
          events.map((event) => {
            const subject = needsSealing(event)
            return subject === null ? event : seal(event, keys.get(subject)!)
          }),
        ),
      )(
        TE.tryCatch(
          () => vault.sealing([...subjects]),
          (error): AppendError => ({ _tag: 'LogUnavailable', cause: `keys: ${(error as Error).message}` }),
        ),
      )
    },
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
            const plain = await openEvents(events, vault)
            let next = 0
            return batch.map((item) =>
              item.kind === 'event' ? { kind: 'event', event: plain[next++]! } : item,
            )
          } catch (error) {
            // The keys can't be asked for now: nothing is skipped, so wait, as for a log that is away.
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
