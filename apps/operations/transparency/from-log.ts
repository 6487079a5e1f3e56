/** The numbers of a span, counted from the log itself. */
import * as E from 'fp-ts/lib/Either.js'
import { type SpaceRef, streamName } from '../../../domain/names.ts'
import type { RecordedEvent, StreamReader } from '../../../domain/ports.ts'
import { addTo, beginAccount, reportOf, type Transparency } from '../../../projections/transparency/report.ts'

const PAGE = 2_000

export class LogUnreadable extends Error {
  override readonly name = 'LogUnreadable'
}

async function* eventsOf(log: StreamReader, stream: string): AsyncGenerator<RecordedEvent> {
  for (let from = 0n; ; ) {
    const page = await log.readStream(stream, { from, limit: PAGE })()
    if (E.isLeft(page)) throw new LogUnreadable(`${stream} can't be read: ${page.left._tag}.`)
    yield* page.right
    if (page.right.length < PAGE) return
    from += BigInt(page.right.length)
  }
}

const timeOf = ({ metadata, created }: RecordedEvent): string => {
  const at = (metadata as { readonly at?: unknown } | null)?.at
  return typeof at === 'string' ? at : created.toISOString()
}

/** `from` and `to` are ISO 8601 in UTC, both inclusive. */
export const transparencyOf = async (
  log: StreamReader,
  space: SpaceRef,
  { from, to }: { readonly from: string; readonly to: string },
): Promise<Transparency> => {
  const account = beginAccount(from, to)
  for (const kind of ['cases', 'space', 'chat'] as const)
    for await (const event of eventsOf(log, streamName(kind, space))) {
      const { position, stream, type, data } = event
      addTo(account, { position, stream, action: type, at: timeOf(event), details: data })
    }
  return reportOf(account)
}
