/** A past range of the log as a folder that proves itself: how its parts are written and read. docs/proof.md has the format in full. */
import { createHash, type Hash as Digest } from 'node:crypto'
import * as t from 'io-ts'
import { aroundJson } from '../audit/canonical.ts'
import { openNote, type Signer, signNote, type Verifier } from './note.ts'

export const ARCHIVE_FORMAT = 'dlux-presence-archive'
/** The folder's index, which lists everything else in it. */
export const MANIFEST = 'archive.ndjson'
export const LEAVES = 'leaves.bin'
export const STREAMS = 'streams.ndjson'
/** Events that are in none of the bundles: looks, and refusals with a time of their own. */
export const OTHERS = 'others.ndjson'
/** Lists whose keys open what is sealed in the archive. The keys themselves are in no archive. */
export const KEYS = 'keys.ndjson'
/** Lists up to where each stream may be cut from the log. */
export const CUTS = 'cuts.ndjson'

const nullable = <C extends t.Mixed>(codec: C) => t.union([codec, t.null])
const Header = t.type({
  format: t.literal(ARCHIVE_FORMAT),
  version: t.literal(1),
  origin: t.string,
  /** Its number among the log's archives, from 1. */
  number: t.number,
  /** ISO 8601: it contains the events from `from` on and before `before`; null for the log's beginning. */
  from: nullable(t.string),
  before: t.string,
  events: t.number,
  /** The positions of the first and the last of them in the log. */
  positions: t.tuple([t.string, t.string]),
})
export type ArchiveHeader = t.TypeOf<typeof Header>
const File = t.intersection([
  t.type({ file: t.string, bytes: t.number, sha256: t.string }),
  /** Set for a bundle. */
  t.partial({ space: t.string, events: t.number }),
])
export type ArchiveFile = t.TypeOf<typeof File>
const Stream = t.type({ stream: t.string, file: t.string, from: t.number, events: t.number })
/** `from`: the revision of the first of its events here, which are all in one file. */
export type ArchiveStream = t.TypeOf<typeof Stream>
const Cut = t.type({ stream: t.string, to: t.number })
/** The first revision that stays on the log. */
export type Cut = t.TypeOf<typeof Cut>

export const lineOf = (value: unknown): string => `${aroundJson(value)}\n`

const decoded = <A>(codec: t.Type<A>, text: string): A | null => {
  try {
    const value: unknown = JSON.parse(text)
    return codec.is(value) ? value : null
  } catch {
    return null
  }
}
export const streamIn = (line: string): ArchiveStream | null => decoded(Stream, line)
export const cutIn = (line: string): Cut | null => decoded(Cut, line)

/** Whether the name may be that of a file in an archive: none leads outside it. */
const isFileName = (name: string): boolean => /^(rooms\/)?[a-z0-9]+\.(ndjson|bin|bundle)$/.test(name)

/* ── the manifest ─────────────────────────────────────────────────────────────────────────────────────── */

const sealText = (origin: string, digest: Digest): string =>
  `${ARCHIVE_FORMAT} v1\n${origin}\nmanifest ${digest.digest('base64')}\n`

export const manifestText = (
  header: ArchiveHeader,
  checkpoint: string,
  files: ReadonlyArray<ArchiveFile>,
  signer: Signer,
): string => {
  const text = lineOf({ header }) + lineOf({ checkpoint }) + files.map(lineOf).join('')
  const seal = signNote(sealText(signer.name, createHash('sha256').update(text)), signer)
  return text + lineOf({ seal })
}

export type ArchiveManifest = {
  readonly header: ArchiveHeader
  /** The signed note. */
  readonly checkpoint: string
  readonly files: ReadonlyArray<ArchiveFile>
  /** The signed note. */
  readonly seal: string
  /** What the seal covers. */
  readonly sealed: string
}

/** Null if it does not have a manifest's form. */
export const readManifest = (text: string): ArchiveManifest | null => {
  const lines = text.split('\n')
  if (lines.length < 4 || lines.pop() !== '') return null
  const [first, second, ...rest] = lines
  const last = rest.pop()!
  const header = decoded(t.type({ header: Header }), first!)?.header
  const checkpoint = decoded(t.type({ checkpoint: t.string }), second!)?.checkpoint
  const seal = decoded(t.type({ seal: t.string }), last)?.seal
  const files = rest.map((line) => decoded(File, line))
  if (header === undefined || checkpoint === undefined || seal === undefined) return null
  if (files.some((file) => file === null || !isFileName(file.file))) return null
  const sealed = text.slice(0, text.length - last.length - 1)
  return { header, checkpoint, files: files as ReadonlyArray<ArchiveFile>, seal, sealed }
}

export const isSealed = ({ header, seal, sealed }: ArchiveManifest, verifier: Verifier): boolean =>
  header.origin === verifier.name &&
  openNote(seal, verifier) === sealText(header.origin, createHash('sha256').update(sealed))

/* ── the leaves ───────────────────────────────────────────────────────────────────────────────────────── */

/** The bytes of a record. There is one for each event of the archive, in the order of the log. */
export const RECORD = 80

export type LeafRecord = {
  readonly leaf: number
  readonly position: bigint
  /** When it was written, in milliseconds since the epoch. */
  readonly created: number
  /** 32 bytes. */
  readonly hash: Uint8Array
  /** The number of its stream's line in `STREAMS`, from 0. */
  readonly stream: number
  readonly revision: number
  /** Where its line begins in its stream's file, and the line's length with its line feed. */
  readonly offset: number
  readonly bytes: number
}

export const writeRecord = (into: Buffer, at: number, record: LeafRecord): void => {
  into.writeBigUInt64BE(BigInt(record.leaf), at)
  into.writeBigUInt64BE(record.position, at + 8)
  into.writeBigInt64BE(BigInt(record.created), at + 16)
  into.set(record.hash, at + 24)
  into.writeUInt32BE(record.stream, at + 56)
  into.writeBigUInt64BE(BigInt(record.revision), at + 60)
  into.writeBigUInt64BE(BigInt(record.offset), at + 68)
  into.writeUInt32BE(record.bytes, at + 76)
}
export const readRecord = (from: Buffer, at: number): LeafRecord => ({
  leaf: Number(from.readBigUInt64BE(at)),
  position: from.readBigUInt64BE(at + 8),
  created: Number(from.readBigInt64BE(at + 16)),
  hash: from.subarray(at + 24, at + 56),
  stream: from.readUInt32BE(at + 56),
  revision: Number(from.readBigUInt64BE(at + 60)),
  offset: Number(from.readBigUInt64BE(at + 68)),
  bytes: from.readUInt32BE(at + 76),
})
