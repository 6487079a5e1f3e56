/** Checks, with nothing but the key, whether a bundle is what was sealed and what is on the log. */
import { aroundJson } from '../audit/canonical.ts'
import { FORMAT } from './bundle.ts'
import {
  type Checked,
  type Checking,
  createChecking,
  fault,
  type Lined,
  type Part,
} from './bundle-checking.ts'
import { headerOf, isObject, type Json, keysAre } from './bundle-forms.ts'
import { checkEvent } from './check-event.ts'
import { inclusionChecker } from './merkle.ts'
import { openCheckpoint, openNote, type Verifier } from './note.ts'
import { STREAM_KINDS, stateFromJson, stateToJson } from './state.ts'

const checkHeader = (checking: Checking, value: Json): void => {
  const header = keysAre(value, 'header') ? headerOf(value.header) : null
  checking.header = header
  if (header === null) fault(checking, 'header', `It is not of ${FORMAT}, version 1 or 2.`)
  else if (header.origin !== checking.verifier.name)
    fault(checking, 'header', `It is of the log ${header.origin}, not of the key’s.`)
}

const checkCheckpoint = (checking: Checking, value: Json): void => {
  const checkpoint =
    keysAre(value, 'checkpoint') && typeof value.checkpoint === 'string'
      ? openCheckpoint(value.checkpoint, checking.verifier)
      : null
  checking.checkpoint = checkpoint
  checking.note = checkpoint === null ? null : String(value.checkpoint)
  if (checkpoint !== null) checking.inTree = inclusionChecker(checkpoint.size, checkpoint.root)
  else fault(checking, 'checkpoint', 'It is not signed with the key, or no checkpoint.')
}

const checkStart = (checking: Checking, value: Json): void => {
  const state = keysAre(value, 'start') ? stateFromJson(value.start) : null
  checking.state = state
  if (state === null || aroundJson(stateToJson(state)) !== aroundJson(value.start))
    fault(checking, 'start', 'It is not of a state’s form.')
  if (state === null) return
  const from = checking.header?.from ?? null
  if (from !== null && STREAM_KINDS.some((kind) => (state.latest[kind] ?? '') >= from))
    fault(checking, 'start', 'It is later than the header’s beginning.')
  if (from === null && STREAM_KINDS.some((kind) => state.revisions[kind] !== 0))
    fault(checking, 'start', 'It is not the beginning, as the header says.')
}

const checkEnd = (checking: Checking, value: Json): void => {
  if (!keysAre(value, 'end')) fault(checking, 'end', 'It is not of a state’s form.')
  if (checking.state === null) return
  const folded = stateToJson(checking.state)
  const given = isObject(value.end) ? value.end : {}
  for (const name of new Set([...Object.keys(folded), ...Object.keys(given)]))
    if (aroundJson(folded[name] ?? null) !== aroundJson(given[name] ?? null) || !Object.hasOwn(given, name))
      fault(checking, 'end', `Its ${name} are not what the events make of the start.`)
}

/** `ours`: a line of the seal’s text as it follows from this file, while a different one was signed. */
const notAsSealed = (checking: Checking, ours: string): void => {
  const word = ours.split(' ')[0] ?? ''
  const part = word === 'events' ? 'event' : word in checking.lineOf ? (word as Part) : 'seal'
  const detail =
    part === 'event'
      ? 'Of the events from here on, not all are what was sealed.'
      : 'It is not what was sealed.'
  fault(checking, part, detail, { line: checking.lineOf[part] })
}

const checkSeal = (checking: Checking, value: Json): void => {
  const { verifier, digests } = checking
  if (!keysAre(value, 'seal')) fault(checking, 'seal', 'It is not of the seal’s form.')
  const expected = digests.text(verifier.name)
  const text = typeof value.seal === 'string' ? openNote(value.seal, verifier) : null
  if (text === null) return void fault(checking, 'seal', 'It is not signed with the key.')
  if (text === expected) return
  const [ours, theirs] = [expected.split('\n'), text.split('\n')]
  for (const [i, one] of ours.entries()) if (one !== theirs[i]) notAsSealed(checking, one)
  if (ours.length !== theirs.length) fault(checking, 'seal', 'It is not of the seal’s form.')
}

/** Which part the line is; the events end with the line that says that it is the end. */
const partOf = ({ expects }: Checking, value: Json): Lined => {
  const isEnd = expects === 'event' && !Object.hasOwn(value, 'event') && Object.hasOwn(value, 'end')
  return isEnd ? 'end' : (expects as Lined)
}

const AFTER: Readonly<Record<Lined, Checking['expects']>> = {
  header: 'checkpoint',
  checkpoint: 'start',
  start: 'event',
  event: 'event',
  end: 'seal',
  seal: 'nothing',
}

const LINE_FEED = Buffer.from('\n')
const digestPart = ({ digests }: Checking, part: Exclude<Lined, 'event' | 'seal'>, bytes: Buffer): void =>
  digests.part(part, Buffer.concat([bytes, LINE_FEED]))

/** Which part a line was that is not canonical JSON is clear from its place; the next one is checked as if it had been sound. */
const passOver = (checking: Checking, part: Lined, bytes: Buffer): void => {
  fault(checking, part, 'The line is not canonical JSON.')
  if (part === 'event') checking.digests.eventBytes(bytes)
  else if (part !== 'seal') digestPart(checking, part, bytes)
  // What the line would have changed is unknown, so the fold can't be compared.
  if (part === 'event' || part === 'start') checking.state = null
}

const checkPart = (
  checking: Checking,
  part: Lined,
  value: Json,
  { bytes, text }: { readonly bytes: Buffer; readonly text: string },
): void => {
  switch (part) {
    case 'header':
      return void checkHeader(checking, value)
    case 'checkpoint':
      return void checkCheckpoint(checking, value)
    case 'start':
      return void checkStart(checking, value)
    case 'event':
      return void checkEvent(checking, value, bytes, text)
    case 'end':
      return void checkEnd(checking, value)
    case 'seal':
      return void checkSeal(checking, value)
    default:
      return void (part satisfies never)
  }
}

const checkLine = (checking: Checking, bytes: Buffer, utf8: InstanceType<typeof TextDecoder>): void => {
  checking.at += 1
  if (checking.expects === 'nothing') {
    // After the last line feed.
    if (bytes.length > 0 || checking.complete) fault(checking, 'file', 'Something follows the seal.')
    checking.complete = true
    return
  }
  let part: Lined = checking.expects
  let value: Json | null = null
  let text = ''
  try {
    text = utf8.decode(bytes)
    const parsed: unknown = JSON.parse(text)
    if (isObject(parsed)) {
      part = partOf(checking, parsed)
      if (aroundJson(parsed) === text) value = parsed
    }
  } catch {
    // Not JSON, or not UTF-8.
  }
  if (value === null) passOver(checking, part, bytes)
  checking.lineOf[part] ??= checking.at
  checking.expects = AFTER[part]
  if (value === null) return
  if (part !== 'event' && part !== 'seal') digestPart(checking, part, bytes)
  checkPart(checking, part, value, { bytes, text })
}

/** `lines` are the file's bytes between line feeds; the last, after the last line feed, is empty. It takes the memory
 *  of one line and of the state. */
export const checkBundle = async (
  lines: AsyncIterable<Buffer> | Iterable<Buffer>,
  verifier: Verifier,
): Promise<Checked> => {
  const checking = createChecking(verifier)
  const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
  for await (const bytes of lines) checkLine(checking, bytes, utf8)
  const { faults, header, checkpoint, note, events, complete } = checking
  if (!complete) fault(checking, 'file', 'The file ends before it should.')
  return { faults, header, checkpoint, note, events }
}
