/** Imports a file of events into a log: in the file's order, with many appends under way, and each event once even if
 *  the import is killed. */
import { type Either, isLeft } from 'fp-ts/lib/Either.js'
import { appendSettled, BINARY, type OrderedEventLog } from '../../../adapters/eventstore/index.ts'
import { textLinesOf } from '../../../adapters/text-file.ts'
import type {
  AppendError,
  Appended,
  EventLog,
  ExpectedRevision,
  NewEvent,
  RecordedEvent,
} from '../../../domain/ports.ts'
import { type ExportedEvent, isOurs, type OnProgress } from './file.ts'

const PAGE = 2_000
/** Consecutive events of one stream are sent in one append, up to this many and up to this many characters of their lines. */
const APPEND_EVENTS = 500
const APPEND_CHARACTERS = 256 * 1024
/** How many appends are under way at once. One larger than `ALONE` waits for all before it, and those after it wait for
 *  it: a server that refuses it as too large must not have accepted what comes after it. */
const UNDER_WAY = 256
const UNDER_WAY_CHARACTERS = 2 * 1024 * 1024
const ALONE = APPEND_CHARACTERS
/** How long (ms) to wait for a server that is away. */
const PATIENCE_MS = 60_000

type Append = {
  readonly stream: string
  readonly expected: ExpectedRevision
  readonly events: ReadonlyArray<NewEvent>
  readonly characters: number
  /** The number of the last line of the file that is in the log. */
  readonly line: number
}
type Result = Either<AppendError, Appended>

const inWords = (value: unknown): string =>
  JSON.stringify(value, (_, one) => (typeof one === 'bigint' ? String(one) : one))

const page = async (log: EventLog, after: bigint | null): Promise<ReadonlyArray<RecordedEvent>> => {
  const end = performance.now() + PATIENCE_MS
  for (;;) {
    const read = await log.readAll({ limit: PAGE, ...(after === null ? {} : { after }) })()
    if (!isLeft(read)) return read.right
    if (read.left._tag !== 'LogUnavailable' || performance.now() > end)
      throw new Error(`The log can't be read: ${inWords(read.left)}`)
  }
}

/** The events of a log that an export of it would hold, in `$all` order, after a position. */
async function* oursOf(log: EventLog, from: bigint | null): AsyncGenerator<RecordedEvent> {
  for (let after = from; ; ) {
    const events = await page(log, after)
    for (const event of events) if (isOurs(event.stream)) yield event
    const last = events[events.length - 1]
    if (last === undefined) return
    after = last.position
  }
}

/**
 * Sends appends without waiting for each, in the order in which they are given. All go over one call of one connection, which
 * a server carries out in order, so what is written at any moment is a beginning of what was given. Where an outcome is
 * unknown, nothing new is sent until all under way are settled, in order, by sending them again as they were: whoever is
 * first, the first try or the second, nothing gets before what was given before it.
 */
class InOrder {
  private readonly log: OrderedEventLog
  private readonly under: Array<{ readonly append: Append; readonly result: Promise<Result> }> = []
  private characters = 0
  private isInDoubt = false
  private readonly done: (append: Append, appended: Appended) => void

  constructor(log: OrderedEventLog, done: (append: Append, appended: Appended) => void) {
    this.log = log
    this.done = done
  }

  async give(append: Append): Promise<void> {
    // Without a connection yet, one is sent first: if several waited for it, one could give up while those after it did not.
    const alone = append.characters > ALONE || this.log.health().state !== 'up'
    while (
      this.under.length > 0 &&
      (alone ||
        this.isInDoubt ||
        this.under.length >= UNDER_WAY ||
        this.characters + append.characters > UNDER_WAY_CHARACTERS)
    )
      await this.settleOldest()
    const result = this.log.append(append.stream, append.expected, append.events)()
    // Noted at once, so that the next append does not go over another connection before what was lost on this one.
    void result.then((one) => {
      if (one._tag === 'Left') this.isInDoubt = true
    })
    this.under.push({ append, result })
    this.characters += append.characters
    if (alone) await this.settleAll()
  }

  async settleAll(): Promise<void> {
    while (this.under.length > 0) await this.settleOldest()
  }

  private async settleOldest(): Promise<void> {
    const { append, result } = this.under[0]!
    let outcome = await result
    if (
      outcome._tag === 'Left' &&
      (outcome.left._tag === 'OutcomeUnknown' || outcome.left._tag === 'LogUnavailable')
    ) {
      // Those after it must have ended first: one that still waits to be sent would overtake this one.
      for (const one of this.under) await one.result
      outcome = await this.again(append)
    }
    if (outcome._tag === 'Left')
      throw new Error(
        `Up to line ${append.line}: ${append.stream} after ${append.expected} can't be appended: ${inWords(outcome.left)}`,
      )
    this.under.shift()
    this.characters -= append.characters
    if (this.under.length === 0) this.isInDoubt = false
    this.done(append, outcome.right)
  }

  private async again({ stream, expected, events }: Append): Promise<Result> {
    const settled = appendSettled(this.log, { deadlineMs: PATIENCE_MS })
    const end = performance.now() + PATIENCE_MS
    for (;;) {
      const result = await settled(stream, expected, events)()
      if (result._tag === 'Right' || result.left._tag !== 'LogUnavailable' || performance.now() > end)
        return result
    }
  }
}

export type Imported = {
  readonly appended: number
  /** How many events have a different number in their stream, because their streams had lost events before. */
  readonly renumbered: number
}

/**
 * Appends a file's events to a log in the file's order; where the log holds the beginning of the file already, the rest.
 * Ids, data and metadata stay, and revisions but where the source had lost events; positions and the server's own times are
 * new. Then reads what it appended and compares. Throws where the log holds something else, and where the file is damaged.
 */
export const importLog = async (
  log: OrderedEventLog,
  file: string,
  progress: OnProgress,
): Promise<Imported> => {
  const there = oursOf(log, null)
  let atEnd = false
  let found = 0
  let lastThere: bigint | null = null
  const ends = new Map<string, bigint>()
  let appended = 0
  let renumbered = 0
  let number = 0
  const ids: string[] = []
  const inOrder = new InOrder(log, ({ events, expected, line }, { revision }) => {
    const wanted = (expected === 'none' || expected === 'any' ? -1n : expected) + BigInt(events.length)
    if (revision !== wanted)
      throw new Error(`ExportedEvent ${line} was appended as ${revision}, not as ${wanted}.`)
    appended += events.length
    progress(found + appended, `line ${line}`)
  })

  let batch: { stream: string; events: NewEvent[]; characters: number } | null = null
  const send = async () => {
    if (batch === null) return
    const { stream, events, characters } = batch
    batch = null
    const end = ends.get(stream) ?? -1n
    ends.set(stream, end + BigInt(events.length))
    for (const { id } of events) ids.push(id)
    await inOrder.give({ stream, events, characters, line: number, expected: end < 0n ? 'none' : end })
  }

  for await (const text of textLinesOf(file)) {
    if (text === '') continue
    let line: ExportedEvent
    try {
      line = JSON.parse(text) as ExportedEvent
    } catch {
      throw new Error(
        `ExportedEvent ${number + 1} of ${file} is not JSON: an export that was cut short? Give that again first.`,
      )
    }
    if (!atEnd) {
      const next = await there.next()
      if (next.done === true) atEnd = true
      else if (next.value.id !== line.id)
        throw new Error(
          `The log holds something else than ${file} from line ${number + 1} on (${next.value.stream}, event ${next.value.id}): give an empty one.`,
        )
      else {
        found += 1
        number += 1
        ends.set(next.value.stream, next.value.revision)
        lastThere = next.value.position
        if (found % PAGE === 0) progress(found, `line ${number}, there already`)
        continue
      }
    }
    if (typeof line.data === 'string' && line.data.startsWith(BINARY))
      throw new Error(`ExportedEvent ${number + 1}: ${line.id} is not JSON; this import writes JSON alone.`)
    if (
      batch !== null &&
      (batch.stream !== line.stream ||
        batch.events.length >= APPEND_EVENTS ||
        batch.characters + text.length > APPEND_CHARACTERS)
    )
      await send()
    number += 1
    batch ??= { stream: line.stream, events: [], characters: 0 }
    batch.events.push({ id: line.id, type: line.type, data: line.data, metadata: line.metadata })
    batch.characters += text.length
    if (String((ends.get(line.stream) ?? -1n) + BigInt(batch.events.length)) !== line.revision)
      renumbered += 1
  }
  await send()
  await inOrder.settleAll()

  if (!atEnd && (await there.next()).done !== true)
    throw new Error(`The log to import into holds events that ${file} does not: give an empty one.`)
  let compared = 0
  for await (const event of oursOf(log, lastThere)) {
    if (event.id !== ids[compared])
      throw new Error(
        `The log is not in the order of the file at line ${found + compared + 1}: another writes to it?`,
      )
    compared += 1
    if (compared % PAGE === 0) progress(compared, 'compared')
  }
  if (compared !== ids.length) throw new Error(`Of ${ids.length} events appended the log has ${compared}.`)
  return { appended, renumbered }
}
