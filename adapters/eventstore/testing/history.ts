/** Judges a test's run: whether the answers that clients got, and when they got them, agree with what is on the log. */
import type { AppendError, Appended, ExpectedRevision, RecordedEvent } from '../../../domain/ports.ts'

/** All times are of one clock, in milliseconds. */
export type AppendRecord = {
  readonly kind: 'append'
  readonly stream: string
  readonly expected: ExpectedRevision
  readonly ids: ReadonlyArray<string>
  readonly start: number
  readonly end: number
  readonly outcome: AppendError | ({ readonly _tag: 'Appended' } & Appended)
}
/** A read of a stream's end; null: there is no stream. */
export type EndRecord = {
  readonly kind: 'end'
  readonly stream: string
  readonly start: number
  readonly end: number
  readonly revision: bigint | null
}

type Point = {
  readonly slot: bigint
  readonly order: number
  readonly start: number
  readonly end: number
  readonly what: string
}

/**
 * What is wrong, in words; empty where all agrees: each stream numbered without gaps; `$all` in the order of every stream; every
 * acknowledged event where it was said to be; no event twice; nothing written that was said not to be; and each stream
 * linearizable: there is an order of all operations, each at a moment between its start and end, that gives what each saw.
 * `refusalsAhead`: the real server's rule: what a refusal names may be shown and acknowledged only later.
 */
export const judge = (
  all: ReadonlyArray<RecordedEvent>,
  history: ReadonlyArray<AppendRecord | EndRecord>,
  { refusalsAhead = false }: { readonly refusalsAhead?: boolean } = {},
): ReadonlyArray<string> => {
  const wrong: string[] = []
  const places = new Map<string, RecordedEvent>()
  const next = new Map<string, bigint>()
  let position = -1n
  for (const event of all) {
    const revision = next.get(event.stream) ?? 0n
    if (event.revision !== revision)
      wrong.push(`$all has ${event.stream} ${event.revision} where ${revision} comes next`)
    next.set(event.stream, event.revision + 1n)
    if (event.position <= position) wrong.push(`$all goes back at ${event.position}`)
    position = event.position
    if (places.has(event.id)) wrong.push(`${event.id} is in the log twice`)
    places.set(event.id, event)
  }

  const points = new Map<string, Point[]>()
  const point = (stream: string, at: Point) => {
    const known = points.get(stream)
    if (known === undefined) points.set(stream, [at])
    else known.push(at)
  }
  const sawEnd = (
    stream: string,
    revision: bigint | null,
    record: { start: number; end: number },
    what: string,
  ) => point(stream, { slot: revision ?? -1n, order: 1, start: record.start, end: record.end, what })

  for (const record of history) {
    if (record.kind === 'end') {
      sawEnd(record.stream, record.revision, record, `a look that saw ${record.revision}`)
      continue
    }
    const { stream, outcome, ids, expected } = record
    const what = `append of ${ids.join(', ')} to ${stream} (${expected})`
    const found = ids.map((id) => places.get(id))
    const there = found.filter((event) => event !== undefined)
    if (there.length > 0 && there.length < ids.length) wrong.push(`${what}: half of it is there`)
    const last = found[found.length - 1]
    if (last !== undefined) {
      found.forEach((event, index) => {
        const revision = last.revision - BigInt(ids.length - 1 - index)
        if (event !== undefined && (event.stream !== stream || event.revision !== revision))
          wrong.push(`${what}: it is in pieces`)
      })
      const before = last.revision - BigInt(ids.length)
      if (expected !== 'any' && before !== (expected === 'none' ? -1n : expected))
        wrong.push(`${what}: written after ${before}`)
      const isKnown = outcome._tag === 'Appended'
      point(stream, {
        slot: last.revision,
        order: 0,
        start: record.start,
        end: isKnown ? record.end : Number.POSITIVE_INFINITY,
        what,
      })
    }
    switch (outcome._tag) {
      case 'Appended':
        if (last === undefined) wrong.push(`${what}: acknowledged, and not there`)
        else if (last.revision !== outcome.revision || last.position !== outcome.position)
          wrong.push(
            `${what}: at ${last.revision}, ${last.position}, said to be at ${outcome.revision}, ${outcome.position}`,
          )
        break
      case 'OutcomeUnknown':
        break
      case 'WrongExpectedRevision':
        if (there.length > 0) wrong.push(`${what}: refused, and there`)
        if (outcome.actual === (expected === 'none' ? null : expected))
          wrong.push(`${what}: refused for being where it was expected`)
        sawEnd(
          stream,
          outcome.actual,
          refusalsAhead ? { ...record, end: Number.POSITIVE_INFINITY } : record,
          `${what}, refused at ${outcome.actual}`,
        )
        break
      case 'LogUnavailable':
      case 'AppendTooLarge':
      case 'StreamDeleted':
        if (there.length > 0) wrong.push(`${what}: ${outcome._tag}, and there`)
        break
      default:
        return outcome satisfies never
    }
  }

  for (const [stream, known] of points) {
    known.sort((a, b) =>
      a.slot < b.slot ? -1 : a.slot > b.slot ? 1 : a.order - b.order || a.start - b.start,
    )
    let latest: Point | null = null
    for (const at of known) {
      if (latest !== null && latest.start > at.end)
        wrong.push(`${stream}: ${at.what} was over before ${latest.what} began, and comes after it`)
      if (latest === null || at.start > latest.start) latest = at
    }
  }
  return wrong
}
