// Checks proofs in this browser with WebCrypto: RFC 6962's tree, C2SP's signed notes. It believes nothing that the
// server only claims.
export const bytesOf = (base64) => Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0))
const encoded = (bytes) => btoa(String.fromCharCode(...bytes))
export const joined = (...parts) => {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    all.set(part, at)
    at += part.length
  }
  return all
}
export const sha256 = async (bytes) => new Uint8Array(await crypto.subtle.digest('SHA-256', bytes))
export const node = (left, right) => sha256(joined(Uint8Array.of(1), left, right))
export const equal = (a, b) => a.length === b.length && a.every((byte, i) => byte === b[i])
const utf8 = new TextEncoder()

/** The log's name, the tree's size and its root. Throws if the note is not a checkpoint. */
export const parseNote = (note) => {
  const [text] = note.split('\n\n')
  const [origin, size, root] = text.split('\n')
  if (!/^\d+$/.test(size ?? '') || !root) throw new Error('This is no checkpoint.')
  return { origin, size: Number(size), root: bytesOf(root), rootText: root }
}

/** The signed text of a note, and its signatures. */
export const signedIn = (note) => {
  const [text, signed = ''] = note.split('\n\n')
  const signatures = signed.split('\n').flatMap((line) => {
    const [, name, value] = /^— (\S+) (\S+)$/.exec(line) ?? []
    // Base64 can write the same bytes in several ways, but only one of them was signed.
    return value && encoded(bytesOf(value)) === value ? [{ name, bytes: bytesOf(value) }] : []
  })
  return { text: `${text}\n`, signatures }
}

/** The signatures that a key (`name+id+base64`) of that kind made of the note, without the key's id, and how to check one. */
export const signedBy = async (note, vkey, kind) => {
  const { text, signatures } = signedIn(note)
  const [, name, value] = /^([^+]+)\+[0-9a-f]{8}\+(.+)$/.exec(vkey.trim()) ?? []
  const key = value ? bytesOf(value) : []
  if (key[0] !== kind) return { text, own: [], holds: async () => false }
  const id = (await sha256(joined(utf8.encode(`${name}\n`), key))).subarray(0, 4)
  const publicKey = await crypto.subtle.importKey('raw', key.subarray(1), 'Ed25519', false, ['verify'])
  const own = signatures.filter((one) => one.name === name && equal(one.bytes.subarray(0, 4), id)).map(({ bytes }) => bytes.subarray(4))
  return { text, own, holds: (signature, message) => crypto.subtle.verify('Ed25519', publicKey, signature, utf8.encode(message)) }
}
/** Whether the log's key signed the note. */
export const isSigned = async (note, vkey) => {
  const { text, own, holds } = await signedBy(note, vkey, 1)
  for (const signature of own) if (await holds(signature, text)) return true
  return false
}
/** When the witness cosigned the note: a Date, or null if it did not (c2sp.org/tlog-cosignature). */
export const cosignedAt = async (note, vkey) => {
  const signed = await signedBy(note, vkey, 4)
  for (const signature of signed.own) {
    const at = await timeOf(signature, signed)
    if (at !== null) return at
  }
  return null
}
/** When a witness made this cosignature; null if it did not make it. */
export const timeOf = async (signature, { text, holds }) => {
  if (signature.length !== 72) return null
  const time = new DataView(signature.buffer, signature.byteOffset).getBigUint64(0)
  return (await holds(signature.subarray(8), `cosignature/v1\ntime ${time}\n${text}`)) ? new Date(1000 * Number(time)) : null
}

/** RFC 9162, 2.1.3.2. */
export const isIncluded = async ({ index, size, leaf, proof, root }) => {
  if (index >= size) return false
  let [fn, sn] = [index, size - 1]
  let hash = bytesOf(leaf)
  for (const text of proof) {
    const sibling = bytesOf(text)
    if (sn === 0) return false
    if (fn % 2 === 1 || fn === sn) {
      hash = await node(sibling, hash)
      while (fn % 2 === 0 && fn !== 0) {
        fn = Math.floor(fn / 2)
        sn = Math.floor(sn / 2)
      }
    } else hash = await node(hash, sibling)
    fn = Math.floor(fn / 2)
    sn = Math.floor(sn / 2)
  }
  return sn === 0 && equal(hash, root)
}

/** RFC 9162, 2.1.4.2: whether the log of `size` begins with the one of `old`. */
export const isConsistent = async ({ old, size, oldRoot, root, proof }) => {
  if (old > size) return false
  if (old === size) return proof.length === 0 && equal(oldRoot, root)
  if (old === 0) return proof.length === 0
  const path = proof.map(bytesOf)
  if (Number.isInteger(Math.log2(old))) path.unshift(oldRoot)
  if (path.length === 0) return false
  let [fn, sn] = [old - 1, size - 1]
  while (fn % 2 === 1) [fn, sn] = [Math.floor(fn / 2), Math.floor(sn / 2)]
  let [fr, sr] = [path[0], path[0]]
  for (const hash of path.slice(1)) {
    if (sn === 0) return false
    if (fn % 2 === 1 || fn === sn) {
      fr = await node(hash, fr)
      sr = await node(hash, sr)
      while (fn % 2 === 0 && fn !== 0) [fn, sn] = [Math.floor(fn / 2), Math.floor(sn / 2)]
    } else sr = await node(sr, hash)
    ;[fn, sn] = [Math.floor(fn / 2), Math.floor(sn / 2)]
  }
  return sn === 0 && equal(fr, oldRoot) && equal(sr, root)
}
export const rootOf = bytesOf
