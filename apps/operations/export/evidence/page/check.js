// Whether a room's record in this file is what the log's key signed: the tree, every event in it, every word that is shown.
import { chacha20poly1305 } from '@noble/ciphers/chacha.js'
import { bytesOf, equal, isSigned, joined, node, parseNote, sha256, signedBy, signedIn, timeOf } from '../../../../console/page/verify.js'
import { base64, expanded, fromBase85 } from './squeezed.js'

const utf8 = new TextEncoder()
const ZERO = Uint8Array.of(0)
const digest = async (text) => base64(await sha256(utf8.encode(text)))
/** Base64 has several ways to write the same bytes: one of them was signed. */
export const exactly = (text) => {
  const bytes = bytesOf(text)
  if (base64(bytes) !== text) throw new Error('It is not written as it was signed.')
  return bytes
}

/** RFC 8785's form of JSON values, of which words are committed to. */
const canonical = (value) => {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`
  if (typeof value === 'object' && value !== null) {
    const keys = Object.keys(value).filter((key) => value[key] !== undefined).sort()
    return `{${keys.map((key) => `${JSON.stringify(key)}:${canonical(value[key])}`).join(',')}}`
  }
  return JSON.stringify(value ?? null)
}
export const commitment = async (value, salt) => base64(await sha256(joined(exactly(salt), utf8.encode(canonical(value)))))

/** The record's lines with the bytes that its marks stand for put back, but not yet what words give. */
export const unpack = async (record) => {
  const packed = new Blob([fromBase85(record)]).stream().pipeThrough(new DecompressionStream('deflate-raw'))
  return expanded(new Uint8Array(await new Response(packed).arrayBuffer()))
}

/** A value's seal as it is on the log, in the form of this mark: under a key made of its salt, bound to its event. */
export const sealOf = async (mark, value, salt, { nonce, id }) => {
  const [iv, bound, text] = [exactly(nonce), utf8.encode(id), utf8.encode(canonical(value))]
  const key = await sha256(joined(utf8.encode(mark === 'x' ? 'dlux-presence chacha seal ' : 'dlux-presence seal '), exactly(salt)))
  // Browsers have no ChaCha20-Poly1305 of their own.
  if (mark === 'x') return base64(joined(iv, chacha20poly1305(key, iv, bound).encrypt(text)))
  const own = await crypto.subtle.importKey('raw', key, 'AES-GCM', false, ['encrypt'])
  return base64(joined(iv, new Uint8Array(await crypto.subtle.encrypt({ name: 'AES-GCM', iv, additionalData: bound }, own, text))))
}
const idOf = (text) => /"id":"([^"]*)","metadata":/.exec(text)?.[1] ?? ''
/** The event's text with what its words and their salt give: the commitment to them, and their seal. */
const withDerived = async (text, says) => {
  if (!/[\u0004\u0005]/.test(text)) return text
  const { value, salt } = says ?? {}
  if (typeof salt !== 'string') throw new Error('An event is made of words that are not here.')
  const [, mark, nonce] = /(.)\.[^."]*\.\u0005([^\u0006]*)\u0006/.exec(text) ?? []
  const seal = nonce === undefined ? '' : await sealOf(mark, value, salt, { nonce, id: idOf(text) })
  const commit = await commitment(value, salt)
  return text.replaceAll('\u0004', commit).replace(/\u0005[^\u0006]*\u0006/g, seal)
}

const EVENT = /^(\d+)\t(\d+)\t([^\t]*)\t([^\t]*)$/
/** So many are worked on at once. */
const AT_ONCE = 500
const eventsOf = async (lines) => {
  const events = []
  let leaf = -1
  for (let from = 0; from < lines.length; from += AT_ONCE)
    events.push(
      ...(await Promise.all(
        lines.slice(from, from + AT_ONCE).map(async (line) => {
          const [found, step, shared, words, text] = EVENT.exec(line) ?? []
          if (found === undefined) throw new Error('A line is no event.')
          leaf += Number(step)
          const its = { leaf, shared: Number(shared), isWithheld: words === '-' }
          const says = words === '' || its.isWithheld ? null : JSON.parse(words)
          return { ...its, says, text: await withDerived(text, says) }
        }),
      )),
    )
  return events
}
const linesOf = async (text) => {
  const lines = text.split('\n')
  if (lines.pop() !== '') throw new Error('The record ends before it should.')
  const [about, nodes, header, checkpoint, start, ...rest] = lines
  const [end, seal] = rest.splice(-2)
  return { about, nodes, header, checkpoint, start, events: await eventsOf(rest), end, seal }
}
/** By event what is shown of it, and which are withheld. */
const wordsOf = (events) => ({
  words: Object.fromEntries(events.flatMap(({ says, event }) => (says === null ? [] : [[event.id, says]]))),
  withheld: new Set(events.flatMap(({ isWithheld, event }) => (isWithheld ? [event.id] : []))),
})

const PREFIX = '{"event":'
/** The tree of the checkpoint, as far as the events and the given nodes tell it. RFC 6962's, an incomplete node stands for its
 *  only child. */
class Tree {
  constructor(size, nodes) {
    this.size = size
    this.known = new Map(nodes.map(([level, index, hash]) => [`${level}.${index}`, exactly(hash)]))
  }
  leaf(index, hash) {
    this.known.set(`0.${index}`, hash)
  }
  async at(level, index) {
    const key = `${level}.${index}`
    const known = this.known.get(key)
    if (known) return known
    if (level === 0) throw new Error(`Leaf ${index} is missing.`)
    const left = await this.at(level - 1, index * 2)
    const hasRight = (index * 2 + 1) * 2 ** (level - 1) < this.size
    const hash = hasRight ? await node(left, await this.at(level - 1, index * 2 + 1)) : left
    this.known.set(key, hash)
    return hash
  }
  async root() {
    let level = 0
    while (2 ** level < this.size) level += 1
    return this.at(level, 0)
  }
  async proof(leaf) {
    const hashes = []
    for (let level = 0, index = leaf; 2 ** level < this.size; level += 1, index = Math.floor(index / 2)) {
      const sibling = index % 2 === 0 ? index + 1 : index - 1
      if (sibling * 2 ** level < this.size) hashes.push(base64(await this.at(level, sibling)))
    }
    return hashes
  }
}

/** The bundle's own lines, as `presence audit check` takes them. */
const bundleLines = async (lines, tree) => {
  const events = []
  for (const { text, leaf, shared } of lines.events) {
    const proof = await tree.proof(leaf)
    events.push(`${PREFIX}${text},"leaf":${leaf},"proof":${JSON.stringify(proof.slice(0, proof.length - shared))},"shared":${shared}}\n`)
  }
  return events
}

/** Each step is told as `holds`, `fails`, `unchecked` (this browser can't) or `noted` (nothing depends on it). */
const step = async (told, says, work) => {
  try {
    const detail = await work()
    told.push({ says, is: 'holds', detail: typeof detail === 'string' ? detail : '' })
  } catch (problem) {
    const is = problem instanceof NotHere ? 'unchecked' : 'fails'
    told.push({ says, is, detail: problem.message })
  }
}
const need = (holds, sentence) => {
  if (!holds) throw new Error(sentence)
}

/** What this browser can't check, which says nothing about the file. */
class NotHere extends Error {
  constructor() {
    super('Not checked here: this browser has no Ed25519. Open the file in another one, or use presence audit check.')
  }
}
/** Made of a key that is one, so that only a browser without Ed25519 refuses it. */
const canVerify = (async () => {
  const key = bytesOf('11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=')
  return crypto.subtle.importKey('raw', key, 'Ed25519', false, ['verify']).then(() => true, (problem) => problem.name !== 'NotSupportedError')
})()
const needSigned = async (note, key, sentence) => {
  if (!(await canVerify)) throw new NotHere()
  need(await isSigned(note, key), sentence)
}

const hex = (bytes) => [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('')
/** What the file says of one witness, by its key. */
const byWitness = async (told, note, vkey) => {
  const [name, id] = vkey.split('+')
  if (!signedIn(note).signatures.some((one) => one.name === name && hex(one.bytes.subarray(0, 4)) === id)) {
    told.push({ says: `The witness “${name}” did not cosign it.`, is: 'noted', detail: `Its key: ${vkey}` })
    return
  }
  await step(told, `The witness “${name}” cosigned it: it had seen no other history of this log, and no longer one.`, async () => {
    if (!(await canVerify)) throw new NotHere()
    const signed = await signedBy(note, vkey, 4)
    need(signed.own.length > 0, `The key is none: ${vkey}.`)
    const times = await Promise.all(signed.own.map((one) => timeOf(one, signed)))
    need(!times.includes(null), `The cosignature in its name is forged: the key ${vkey} did not make it.`)
    const last = new Date(Math.max(...times))
    return `at ${last.toISOString().replace('T', ' ').replace('.000Z', ' UTC')}, by the key ${vkey}: compare it with the one that the witness gives`
  })
}
/** Each signature under the checkpoint is the log's, or of a witness whose key is in the file. */
const checkWitnesses = async (told, note, { key, witnesses = [] }) => {
  const own = signedIn(note).signatures
  for (const vkey of new Set(witnesses)) await byWitness(told, note, String(vkey))
  const known = new Set([key, ...witnesses].map((vkey) => String(vkey).split('+').slice(0, 2).join('+')))
  const lines = note.slice(note.indexOf('\n\n') + 2).trim().split('\n')
  const strangers = own.filter(({ name, bytes }) => !known.has(`${name}+${hex(bytes.subarray(0, 4))}`))
  if (strangers.length > 0 || lines.length !== own.length)
    await step(told, 'Whoever signed the checkpoint is named here.', () => {
      throw new Error(`There is a signature in the name of ${strangers.map(({ name }) => `“${name}”`).join(', ') || 'somebody'} that no key here made.`)
    })
  if (witnesses.length === 0) told.push({ says: 'No witness cosigned it.', is: 'noted', detail: 'That the log has shown nobody another history, only a checkpoint kept elsewhere can tell.' })
}

const checkEvents = (events, { space, from, to }) => {
  const next = {}
  let lastLeaf = -1
  for (const { leaf, event } of events) {
    const kind = event.stream.slice(0, event.stream.indexOf('-'))
    need(leaf > lastLeaf, `Leaf ${leaf} is not after leaf ${lastLeaf}.`)
    lastLeaf = leaf
    need(['space', 'chat', 'refusal'].includes(kind) && event.stream === `${kind}-${space}`, `Event ${event.id} is of another room.`)
    const due = next[kind] ?? (from === null ? '0' : event.revision)
    need(event.revision === due, `Of ${event.stream}, revision ${due} is missing.`)
    next[kind] = String(BigInt(event.revision) + 1n)
    need(to === null || typeof event.metadata?.at !== 'string' || event.metadata.at <= to, `Event ${event.id} is from after the end.`)
  }
}

const checkWords = async (events) => {
  let [shown, withheld, unproved] = [0, 0, 0]
  for (const { event, says, isWithheld } of events) {
    const isSealed = event.data?.sealed === true
    if (says === null && !isWithheld) {
      need(!isSealed, `The words of ${event.id} are neither shown nor withheld.`)
      continue
    }
    need(isSealed, `There are words for ${event.id}, which has none.`)
    withheld += isWithheld ? 1 : 0
    if (isWithheld) continue
    shown += 1
    const { commit } = event.metadata
    if (commit === undefined || says.salt === null) unproved += 1
    else need((await commitment(says.value, says.salt)) === commit, `The words of ${event.id} are not those that the log committed to.`)
  }
  return `${shown} shown${unproved > 0 ? `, ${unproved} of them from before words were committed to` : ''}, ${withheld} withheld`
}

/** `page`: the file's own text without its record and seal. What does not hold is named; whatever could be read is answered. */
export const checkAll = async ({ page, record, seal }) => {
  const told = []
  let lines = null
  let parts = null
  await step(told, 'The record can be read.', async () => {
    lines = await linesOf(await unpack(record))
    const read = (name) => JSON.parse(lines[name])
    parts = {
      about: read('about').evidence,
      nodes: read('nodes').nodes,
      header: read('header').header,
      checkpoint: read('checkpoint').checkpoint,
      start: read('start').start,
      end: read('end').end,
      events: lines.events.map(({ text, ...its }) => ({ ...its, event: JSON.parse(text) })),
    }
    parts.words = wordsOf(parts.events)
    return `${parts.events.length} events of ${parts.header.space}`
  })
  if (parts === null) return { told, parts, bundle: null }
  const { about, checkpoint, header } = parts
  await step(told, 'This page is what was signed: its text, its script and its record.', async () => {
    const note = new TextDecoder().decode(exactly(seal))
    const [text] = note.split('\n\n')
    need(/^[^]+\n\n— \S+ \S+\n$/.test(note), 'The seal is not of its form.')
    const [format, origin, its, of] = text.split('\n')
    need(format === 'dlux-presence-evidence v1' && origin === header.origin, 'The seal is of something else.')
    need(its === `page ${await digest(page)}`, 'The page was altered.')
    need(of === `record ${await digest(record)}`, 'The record was altered.')
    await needSigned(note, about.key, 'The seal is not signed by the key.')
  })
  let tree = null
  await step(told, 'The checkpoint is signed by the log’s key.', async () => {
    await needSigned(checkpoint, about.key, 'It is not.')
    return about.key
  })
  await checkWitnesses(told, checkpoint, about)
  await step(told, 'Every event is in the log, as it stands here.', async () => {
    const { size, root } = parseNote(checkpoint)
    tree = new Tree(size, parts.nodes)
    for (const { text, leaf } of lines.events) tree.leaf(leaf, await sha256(joined(ZERO, utf8.encode(text))))
    need(parts.events.length === 0 || equal(await tree.root(), root), 'The events, with the words that are shown, don’t lead to the checkpoint’s root.')
    return `a log of ${size} events`
  })
  await step(told, 'None is missing, and none is of another room or time.', () => checkEvents(parts.events, header))
  await step(told, 'Words that are shown are those that were said.', () => checkWords(parts.events))
  let bundle = null
  await step(told, 'What was in the room before is signed too.', async () => {
    const events = await bundleLines(lines, tree)
    const of = async (name) => `${name} ${await digest(`${lines[name]}\n`)}\n`
    const text = `dlux-presence-bundle v1\n${header.origin}\n${await of('header')}${await of('checkpoint')}${await of('start')}events ${events.length} ${await digest(events.join(''))}\n${await of('end')}`
    const note = JSON.parse(lines.seal).seal
    need(note.startsWith(`${text}\n`), 'The bundle’s seal is of something else.')
    bundle = [`${lines.header}\n${lines.checkpoint}\n${lines.start}\n`, ...events, `${lines.end}\n${lines.seal}\n`]
    await needSigned(note, about.key, 'The bundle’s seal is not signed by the key.')
  })
  return { told, parts, bundle }
}
