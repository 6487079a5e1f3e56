/** The messages of Postgres' logical replication (pgoutput, version 1), values as text.
 *  Source: https://www.postgresql.org/docs/current/protocol-logicalrep-message-formats.html */
import type { RawRow } from './codec.ts'

export type Lsn = bigint
export const lsnText = (lsn: Lsn): string =>
  `${(lsn >> 32n).toString(16).toUpperCase()}/${(lsn & 0xffffffffn).toString(16).toUpperCase()}`
export const parseLsn = (text: string): Lsn => {
  const [high = '0', low = '0'] = text.split('/')
  return (BigInt(`0x${high}`) << 32n) | BigInt(`0x${low}`)
}

export type Relation = {
  readonly schema: string
  readonly name: string
  readonly columns: ReadonlyArray<string>
}
export type ReplicationMessage =
  | { readonly kind: 'begin' }
  /** `end`: where whatever follows begins. `at`: milliseconds since 1970, by the primary's clock. */
  | { readonly kind: 'commit'; readonly end: Lsn; readonly at: number }
  | {
      readonly kind: 'row'
      readonly relation: Relation
      readonly before: RawRow | null
      readonly after: RawRow | null
    }
  | { readonly kind: 'truncate'; readonly relations: ReadonlyArray<Relation> }
  | { readonly kind: 'other' }

/** Microseconds since 2000, as Postgres counts. */
const EPOCH_MS = 946_684_800_000n
export const millisecondsOf = (micros: bigint): number => Number(micros / 1_000n + EPOCH_MS)

const createReader = (bytes: Buffer) => {
  let at = 0
  const take = (n: number): number => {
    const from = at
    at += n
    return from
  }
  const words = (): string => {
    const end = bytes.indexOf(0, at)
    const text = bytes.toString('utf8', at, end)
    at = end + 1
    return text
  }
  return {
    tag: () => String.fromCharCode(bytes[take(1)] ?? 0),
    int16: () => bytes.readInt16BE(take(2)),
    int32: () => bytes.readInt32BE(take(4)),
    uint32: () => bytes.readUInt32BE(take(4)),
    int64: () => bytes.readBigInt64BE(take(8)),
    uint64: () => bytes.readBigUInt64BE(take(8)),
    text: words,
    sized: () => {
      const size = bytes.readInt32BE(take(4))
      const from = take(size)
      return bytes.toString('utf8', from, from + size)
    },
  }
}
type Reader = ReturnType<typeof createReader>

const tuple = (reader: Reader, { columns }: Relation): RawRow => {
  const row: Record<string, string | null | undefined> = {}
  const count = reader.int16()
  for (let i = 0; i < count; i += 1) {
    const kind = reader.tag()
    const value = kind === 't' ? reader.sized() : kind === 'n' ? null : undefined
    const name = columns[i]
    if (name !== undefined) row[name] = value
  }
  return row
}

/** Remembers relations, since each is described once, before its rows. */
export const createDecoder = (): ((bytes: Buffer) => ReplicationMessage) => {
  const relations = new Map<number, Relation>()
  const known = (oid: number): Relation => {
    const relation = relations.get(oid)
    if (relation === undefined)
      throw new Error(`the primary sent a row of a table that it did not name (${oid})`)
    return relation
  }
  const relation = (reader: Reader): ReplicationMessage => {
    const oid = reader.uint32()
    const schema = reader.text() || 'pg_catalog'
    const name = reader.text()
    reader.tag()
    const columns = Array.from({ length: reader.int16() }, () => {
      reader.tag()
      const column = reader.text()
      reader.uint32()
      reader.int32()
      return column
    })
    relations.set(oid, { schema, name, columns })
    return { kind: 'other' }
  }
  const changed = (reader: Reader, isDelete: boolean): ReplicationMessage => {
    const of = known(reader.uint32())
    let tag = reader.tag()
    let before: RawRow | null = null
    if (tag === 'K' || tag === 'O') {
      before = tuple(reader, of)
      if (!isDelete) tag = reader.tag()
    }
    return { kind: 'row', relation: of, before, after: isDelete ? null : tuple(reader, of) }
  }
  return (bytes) => {
    const reader = createReader(bytes)
    const tag = reader.tag()
    switch (tag) {
      case 'B':
        return { kind: 'begin' }
      case 'C': {
        reader.tag()
        reader.uint64()
        const end = reader.uint64()
        return { kind: 'commit', end, at: millisecondsOf(reader.int64()) }
      }
      case 'R':
        return relation(reader)
      case 'I':
      case 'U':
        return changed(reader, false)
      case 'D':
        return changed(reader, true)
      case 'T': {
        const count = reader.int32()
        reader.tag()
        return { kind: 'truncate', relations: Array.from({ length: count }, () => known(reader.uint32())) }
      }
      default:
        // Types, origins and other messages say nothing about rows.
        return { kind: 'other' }
    }
  }
}
