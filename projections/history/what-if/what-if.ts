/** Decides a span of a room's past again under another rule, reading it from the log. */
import type { TaskEither } from 'fp-ts/lib/TaskEither.js'
import type { SpaceRef } from '../../../domain/names.ts'
import { type MomentError, told } from '../errors.ts'
import type { Moments } from '../moments.ts'
import { readable, timeOf } from '../point.ts'
import { readRoom } from '../replay.ts'
import { createPast } from '../why/past.ts'
import { type Counts, type Difference, redecide, type Supposed } from './redeciding.ts'

export type Span = { readonly from: Date; readonly to: Date }
export type WhatIf = {
  readonly counts: Counts
  /** The first differences, in the log's order. */
  readonly differences: ReadonlyArray<Difference>
  /** How many events were read; and, if the span was cut because there was too much to decide, the time from which to continue. */
  readonly events: number
  /** How many milliseconds deciding took, without reading the log. */
  readonly ms: number
  readonly cutAt: string | null
}

/** After so many milliseconds of deciding, or so many events, other work may run. */
const AT_ONCE_MS = 10
const AT_ONCE = 500
const breath = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/** `most`: how many events are read, how many milliseconds deciding takes and how many differences are listed, at most. Each span begins with the room as it was. */
export const whatIf = (
  moments: Moments,
  space: SpaceRef,
  { from, to }: Span,
  {
    supposed,
    most,
  }: {
    readonly supposed: Supposed
    readonly most: { readonly events: number; readonly ms: number; readonly listed: number }
  },
): TaskEither<MomentError, WhatIf> =>
  told(async () => {
    const bound = await moments.bound(space, { kind: 'time', time: from }, 'before')
    const moment = await moments.until(space, bound, { messages: 0 })
    const chat = await createPast(moments).chatAt(space, moment.chatRevision)
    const differences: Difference[] = []
    const again = redecide({ state: moment.standing.state, chat }, supposed, (difference) => {
      if (differences.length < most.listed) differences.push(difference)
    })
    const reader = await readRoom(moments.log, moment, bound)
    const end = to.getTime()
    let events = 0
    let ms = 0
    /** Since others ran last. */
    let held = 0
    let cutAt: string | null = null
    for (;;) {
      const recorded = await reader.next()
      if (recorded === null) break
      const at = timeOf(recorded)
      if (Date.parse(at) > end) break
      if (events >= most.events || ms >= most.ms) {
        cutAt = at
        break
      }
      const begun = performance.now()
      again.take(readable(recorded))
      const took = performance.now() - begun
      events += 1
      ms += took
      held += took
      if (events % AT_ONCE !== 0 && held < AT_ONCE_MS) continue
      await breath()
      held = 0
    }
    again.end()
    return { counts: again.counts, differences, events, ms, cutAt }
  })
