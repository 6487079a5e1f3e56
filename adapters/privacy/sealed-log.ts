/** An event log whose personal fields are sealed on the way in and opened on the way out. Everything else of the
 *  project sees plain events; the log, its backups and its proofs see sealed ones. */
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
import { generationOf, openValue, PERSONAL, sealValue } from './seal.ts'
import { type KeyRef, refOf, type Subject, type Vault } from './vault.ts'

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
  const personal = PERSONAL[event.type]
  const inData =
    personal !== undefined && isObject(event.data) && event.data[personal.field] !== personal.blank
  return inData || hasClient(event.metadata as Json) ? subject : null
}
/** One that says nothing of anybody is left as it is. */
const hasClient = ({ client }: Json): boolean => isObject(client) && Object.keys(client).length > 0

const seal = (event: NewEvent, key: { generation: number; key: Buffer }): NewEvent => {
  const personal = PERSONAL[event.type]
  let data = event.data
  if (personal !== undefined && isObject(data) && data[personal.field] !== personal.blank)
    data = {
      ...data,
      [personal.field]: personal.blank,
      sealed: sealValue(data[personal.field], key, `${event.id} ${personal.field}`),
    }
  const given = event.metadata as Json
  if (!hasClient(given)) return { ...event, data }
  const { client, ...rest } = given
  return { ...event, data, metadata: { ...rest, sealed: sealValue(client, key, `${event.id} client`) } }
}

const sealedIn = (part: unknown): string | null =>
  isObject(part) && typeof part.sealed === 'string' && /^\d+\./.test(part.sealed) ? part.sealed : null

const refsOf = (event: RecordedEvent): ReadonlyArray<KeyRef> => {
  const subject = subjectOf(event.metadata)
  if (subject === null) return []
  return [sealedIn(event.data), sealedIn(event.metadata)]
    .filter((sealed) => sealed !== null)
    .map((sealed) => ({ subject, generation: generationOf(sealed) }))
}

const openPart = (
  part: Json,
  field: string,
  event: RecordedEvent,
  subject: Subject,
  keys: ReadonlyMap<string, Buffer | { readonly erased: string }>,
): Json => {
  const { sealed, ...rest } = part
  const key = keys.get(refOf({ subject, generation: generationOf(sealed as string) }))
  // No key was ever here: a log without its vault. The event stands, its personal part stays shut.
  if (key === undefined) return part
  if (!Buffer.isBuffer(key)) return { ...rest, erased: key.erased }
  try {
    return { ...rest, [field]: openValue(sealed as string, key, `${event.id} ${field}`) }
  } catch {
    // Altered: said in the event itself, which then fails its proof too. It stays blank, as one that was erased.
    return { ...rest, unreadable: true }
  }
}

const open = (
  event: RecordedEvent,
  keys: ReadonlyMap<string, Buffer | { readonly erased: string }>,
): RecordedEvent => {
  const subject = subjectOf(event.metadata)
  if (subject === null) return event
  const inData = sealedIn(event.data) !== null
  const inMetadata = sealedIn(event.metadata) !== null
  if (!inData && !inMetadata) return event
  const field = PERSONAL[event.type]?.field
  return {
    ...event,
    data:
      inData && field !== undefined ? openPart(event.data as Json, field, event, subject, keys) : event.data,
    metadata: inMetadata ? openPart(event.metadata as Json, 'client', event, subject, keys) : event.metadata,
    stored: { data: event.data, metadata: event.metadata },
  }
}

/** Throws what the vault throws: an event is never handed on shut because a key could not be asked for. */
export const openEvents = async (
  events: ReadonlyArray<RecordedEvent>,
  vault: Vault,
): Promise<ReadonlyArray<RecordedEvent>> => {
  const refs = new Map<string, KeyRef>()
  for (const event of events) for (const ref of refsOf(event)) refs.set(refOf(ref), ref)
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
      return TE.chain((keys: ReadonlyMap<Subject, { generation: number; key: Buffer }>) =>
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
