/** A room's record in one file that proves itself: how it is written, and how it is checked with nothing but a key.
 *  docs/proof.md has the format in full. */
import { createHash, hash } from 'node:crypto'
import { parseStreamName, spaceKey } from '../../domain/names.ts'
import { aroundJson } from '../audit/canonical.ts'
import { inclusionChecker } from './merkle.ts'
import { type Checkpoint, openCheckpoint, openNote, type Signer, signNote, type Verifier } from './note.ts'
import {
  applyEvent,
  type BundledEvent,
  type BundleState,
  kindOf,
  LATER_SETS,
  type Sets,
  STREAM_KINDS,
  stateFromJson,
  stateToJson,
} from './state.ts'

export const FORMAT = 'dlux-presence-bundle'
/** Of the seal, in which nothing has changed. */
const SEAL_VERSION = 1

export type Header = {
  readonly format: typeof FORMAT
  readonly version: 1 | 2
  readonly origin: string
  /** `type:id` */
  readonly space: string
  /** ISO 8601 in UTC to the millisecond; null for the beginning, and for all that the checkpoint covers. */
  readonly from: string | null
  readonly to: string | null
  /** Of version 2, which is version 1 and this: what further types of events set on their sessions. */
  readonly sets?: Sets
}
/** What a new bundle's header says of its version. */
export const versioned = (sets: Sets = LATER_SETS): Pick<Header, 'version' | 'sets'> =>
  Object.keys(sets).length === 0 ? { version: 1 } : { version: 2, sets }

/* ── writing: each gives a line, its line feed in it ─────────────────────────────────────────────────────── */

const line = (value: unknown): string => `${aroundJson(value)}\n`
export const headerLine = (header: Header): string => line({ header })
export const checkpointLine = (note: string): string => line({ checkpoint: note })
export const stateLine = (end: 'start' | 'end', state: BundleState): string =>
  line({ [end]: stateToJson(state) })

/** `event` is the event's bytes as text. Of its proof the last `shared` hashes are those of the event before, and are not
 *  written again. */
export const eventLine = (
  event: string,
  leaf: number,
  proof: ReadonlyArray<Buffer>,
  shared: number,
): string => {
  let own = ''
  for (let i = 0; i < proof.length - shared; i += 1)
    own += `${i === 0 ? '"' : ',"'}${proof[i]!.toString('base64')}"`
  return `{"event":${event},"leaf":${leaf},"proof":[${own}],"shared":${shared}}\n`
}

const digest = (text: string | Buffer): string => createHash('sha256').update(text).digest('base64')

/** Digests of the file's parts as they go by: what the seal signs. */
export class SealDigests {
  private readonly parts = new Map<string, string>()
  private readonly events = createHash('sha256')
  private count = 0
  part(name: 'header' | 'checkpoint' | 'start' | 'end', text: string | Buffer): void {
    this.parts.set(name, digest(text))
  }
  /** With its line feed. */
  event(text: string): void {
    this.events.update(text)
    this.count += 1
  }
  /** Without it. */
  eventBytes(bytes: Buffer): void {
    this.events.update(bytes).update('\n')
    this.count += 1
  }
  /** The seal's text, its line feed in it. Once. */
  text(origin: string): string {
    const of = (name: string): string => `${name} ${this.parts.get(name) ?? ''}\n`
    const events = `events ${this.count} ${this.events.digest('base64')}\n`
    return `${FORMAT} v${SEAL_VERSION}\n${origin}\n${of('header')}${of('checkpoint')}${of('start')}${events}${of('end')}`
  }
}
export const sealLine = (digests: SealDigests, signer: Signer): string =>
  line({ seal: signNote(digests.text(signer.name), signer) })

/* ── checking ────────────────────────────────────────────────────────────────────────────────────────────── */

/** `file`: what is no line of its own. */
type Lined = 'header' | 'checkpoint' | 'start' | 'event' | 'end' | 'seal'
export type Part = Lined | 'file'
export type Fault = {
  /** From 1. */
  readonly line: number
  readonly part: Part
  /** Of an event: its stream and revision, where they can be read. */
  readonly event: string | null
  /** A sentence. */
  readonly detail: string
}
export type Checked = {
  readonly faults: ReadonlyArray<Fault>
  readonly header: Header | null
  readonly checkpoint: Checkpoint | null
  readonly events: number
}

type Json = Readonly<Record<string, unknown>>
const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
const keysAre = (value: Json, ...names: ReadonlyArray<string>): boolean =>
  Object.keys(value).length === names.length && names.every((name) => Object.hasOwn(value, name))

const isTime = (value: unknown): boolean =>
  value === null || (typeof value === 'string' && /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/.test(value))
const isSets = (value: unknown): boolean =>
  isObject(value) &&
  Object.values(value).every(
    (sets) =>
      isObject(sets) &&
      Object.values(sets).every(
        (one) =>
          isObject(one) &&
          (keysAre(one, 'is') || (keysAre(one, 'of') && typeof (one as { of?: unknown }).of === 'string')),
      ),
  )
const HEADER = ['format', 'version', 'origin', 'space', 'from', 'to']
const headerOf = (value: unknown): Header | null =>
  isObject(value) &&
  value.format === FORMAT &&
  ((value.version === 1 && keysAre(value, ...HEADER)) ||
    (value.version === 2 && keysAre(value, ...HEADER, 'sets') && isSets(value.sets))) &&
  typeof value.origin === 'string' &&
  typeof value.space === 'string' &&
  isTime(value.from) &&
  isTime(value.to)
    ? (value as Header)
    : null

const eventOf = (value: unknown): BundledEvent | null =>
  isObject(value) &&
  keysAre(value, 'data', 'id', 'metadata', 'revision', 'stream', 'type') &&
  ['id', 'revision', 'stream', 'type'].every((name) => typeof value[name] === 'string')
    ? (value as BundledEvent)
    : null

const hashesOf = (value: unknown): ReadonlyArray<Buffer> | null => {
  if (!Array.isArray(value)) return null
  const hashes = value.map((each) => Buffer.from(typeof each === 'string' ? each : '', 'base64'))
  return hashes.every((hash, i) => hash.length === 32 && hash.toString('base64') === value[i]) ? hashes : null
}

const missing = (from: number, to: number, stream: string): string =>
  from === to
    ? `Event ${from} of ${stream} is missing before it.`
    : `Events ${from} to ${to} of ${stream} are missing before it.`

export const MAX_FAULTS = 1_000

/** `lines` are the file's bytes between line feeds; the last is what stands behind the last line feed: empty. Memory is
 *  that of one line and of the state. */
export const checkBundle = async (
  lines: AsyncIterable<Buffer> | Iterable<Buffer>,
  verifier: Verifier,
): Promise<Checked> => {
  const faults: Fault[] = []
  const digests = new SealDigests()
  const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
  let header: Header | null = null
  let checkpoint: Checkpoint | null = null
  let inTree: ReturnType<typeof inclusionChecker> | null = null
  let state: BundleState | null = null
  let events = 0
  let expects: 'header' | 'checkpoint' | 'start' | 'event' | 'seal' | 'nothing' = 'header'
  let at = 0
  let lastLeaf = -1
  let previous: ReadonlyArray<Buffer> = []
  let complete = false
  const lineOf: Partial<Record<Part, number>> = {}
  const fault = (part: Part, detail: string, event: string | null = null, where = at): void => {
    if (faults.length < MAX_FAULTS) faults.push({ line: where, part, event, detail })
  }

  const checkEvent = (value: Json, bytes: Buffer, text: string): void => {
    events += 1
    digests.eventBytes(bytes)
    const event = eventOf(value.event)
    const own = hashesOf(value.proof)
    const { leaf, shared } = value
    const name = event === null ? null : `${event.stream} ${event.revision}`
    if (
      event === null ||
      own === null ||
      !Number.isSafeInteger(leaf) ||
      !Number.isSafeInteger(shared) ||
      !keysAre(value, 'event', 'leaf', 'proof', 'shared')
    )
      return void fault('event', 'It is not of an event’s form.', name)
    const [index, above] = [Number(leaf), Number(shared)]
    if (above < 0 || above > previous.length)
      return void fault('event', 'It shares more of a proof than there is.', name)
    const proof = [...own, ...previous.slice(previous.length - above)]
    previous = proof
    if (inTree !== null) {
      // The line is canonical, so the event's bytes are what stands in it. U+0000 is the byte 0x00 in UTF-8.
      const leafText = text.slice('{"event":'.length, text.lastIndexOf(',"leaf":'))
      if (!inTree(hash('sha256', `\0${leafText}`, 'buffer'), index, proof, above))
        fault('event', 'It is not in the log of the checkpoint, as it stands here.', name)
    }
    if (index <= lastLeaf) fault('event', 'It stands before the one in front of it.', name)
    lastLeaf = Math.max(lastLeaf, index)
    const stream = parseStreamName(event.stream)
    if (header !== null && (stream._tag === 'Left' || spaceKey(stream.right.space) !== header.space))
      return void fault('event', 'It is not of this space.', name)
    const kind = kindOf(event.stream)
    if (state === null || kind === null) return
    const expected = state.revisions[kind]
    if (event.revision !== String(expected)) {
      const detail =
        /^\d{1,15}$/.test(event.revision) && Number(event.revision) > expected
          ? missing(expected, Number(event.revision) - 1, event.stream)
          : `It should be event ${expected} of ${event.stream}.`
      fault('event', detail, name)
      // What follows it is judged by it.
      if (/^\d{1,15}$/.test(event.revision)) state.revisions[kind] = Number(event.revision)
    }
    applyEvent(state, event, header?.sets ?? {})
    const latest = state.latest[kind]
    if (header !== null && latest !== null)
      if ((header.from !== null && latest < header.from) || (header.to !== null && latest > header.to))
        fault('event', 'It is not within the times of the header.', name)
  }

  const checkEnd = (value: Json): void => {
    if (state === null) return
    const folded = stateToJson(state)
    const given = isObject(value.end) ? value.end : {}
    for (const name of new Set([...Object.keys(folded), ...Object.keys(given)]))
      if (aroundJson(folded[name] ?? null) !== aroundJson(given[name] ?? null) || !Object.hasOwn(given, name))
        fault('end', `Its ${name} are not what the events make of the start.`)
  }

  const checkSeal = (value: Json): void => {
    const expected = digests.text(verifier.name)
    const text = typeof value.seal === 'string' ? openNote(value.seal, verifier) : null
    if (text === null) return void fault('seal', 'It is not signed with the key.')
    if (text === expected) return
    const [ours, theirs] = [expected.split('\n'), text.split('\n')]
    for (const [i, one] of ours.entries()) {
      if (one === theirs[i]) continue
      const word = one.split(' ')[0] ?? ''
      const part = word === 'events' ? 'event' : word in lineOf ? (word as Part) : 'seal'
      const detail =
        part === 'event'
          ? 'Of the events from here on, not all are what was sealed.'
          : 'It is not what was sealed.'
      fault(part, detail, null, lineOf[part] ?? at)
    }
    if (ours.length !== theirs.length) fault('seal', 'It is not of the seal’s form.')
  }

  for await (const bytes of lines) {
    at += 1
    // Behind the last line feed.
    if (expects === 'nothing') {
      if (bytes.length > 0 || complete) fault('file', 'Something follows the seal.')
      complete = true
      continue
    }
    let value: Json
    let text: string
    let part: Lined = expects
    try {
      text = utf8.decode(bytes)
      const parsed: unknown = JSON.parse(text)
      if (!isObject(parsed)) throw new TypeError('no object')
      if (expects === 'event' && !Object.hasOwn(parsed, 'event'))
        part = Object.hasOwn(parsed, 'end') ? 'end' : 'event'
      value = parsed
      if (aroundJson(parsed) !== text) throw new TypeError('not canonical')
    } catch {
      fault(part, 'The line is not canonical JSON.')
      if (part === 'event') digests.eventBytes(bytes)
      else if (part !== 'seal') digests.part(part, Buffer.concat([bytes, Buffer.from('\n')]))
      // The line's place says what it was: go on with the next.
      if (part === 'header') expects = 'checkpoint'
      else if (part === 'checkpoint') expects = 'start'
      else if (part === 'start') expects = 'event'
      else if (part === 'end') expects = 'seal'
      else if (part === 'seal') expects = 'nothing'
      // What the line would have added is not known: the fold can't be held against anything.
      if (part === 'event' || part === 'start') state = null
      lineOf[part] ??= at
      continue
    }
    lineOf[part] ??= at
    if (part !== 'event' && part !== 'seal') digests.part(part, Buffer.concat([bytes, Buffer.from('\n')]))
    switch (part) {
      case 'header':
        header = keysAre(value, 'header') ? headerOf(value.header) : null
        if (header === null) fault('header', `It is not of ${FORMAT}, version 1 or 2.`)
        else if (header.origin !== verifier.name)
          fault('header', `It is of the log ${header.origin}, not of the key’s.`)
        expects = 'checkpoint'
        break
      case 'checkpoint':
        checkpoint =
          keysAre(value, 'checkpoint') && typeof value.checkpoint === 'string'
            ? openCheckpoint(value.checkpoint, verifier)
            : null
        if (checkpoint !== null) inTree = inclusionChecker(checkpoint.size, checkpoint.root)
        else fault('checkpoint', 'It is not signed with the key, or no checkpoint.')
        expects = 'start'
        break
      case 'start': {
        state = keysAre(value, 'start') ? stateFromJson(value.start) : null
        if (state === null || aroundJson(stateToJson(state)) !== aroundJson(value.start))
          fault('start', 'It is not of a state’s form.')
        const from = header?.from ?? null
        if (
          state !== null &&
          STREAM_KINDS.some((kind) => from !== null && (state!.latest[kind] ?? '') >= from)
        )
          fault('start', 'It is later than the header’s beginning.')
        if (state !== null && from === null && STREAM_KINDS.some((kind) => state!.revisions[kind] !== 0))
          fault('start', 'It is not the beginning, as the header says.')
        expects = 'event'
        break
      }
      case 'event':
        checkEvent(value, bytes, text)
        break
      case 'end':
        if (!keysAre(value, 'end')) fault('end', 'It is not of a state’s form.')
        checkEnd(value)
        expects = 'seal'
        break
      case 'seal':
        if (!keysAre(value, 'seal')) fault('seal', 'It is not of the seal’s form.')
        checkSeal(value)
        expects = 'nothing'
        break
      default:
        part satisfies never
    }
  }
  if (!complete) fault('file', 'The file ends before it should.')
  return { faults, header, checkpoint, events }
}
