/** The sections of a block of motion: its head, and each mover's track, compressed and sealed under the mover's key;
 *  and the hashes by which the log proves it, even if somebody's track is gone. */
import { createHash } from 'node:crypto'
import { promisify } from 'node:util'
import { deflateRaw, inflateRaw } from 'node:zlib'
import type { Subject } from '../../domain/identity.ts'
import type { MotionBlock, MotionHead } from '../../domain/scene/motion/form.ts'
import { MAX_BLOCK, MAX_TRACK } from '../../domain/scene/motion/recorder.ts'
import { openBytes, type SubjectKey, sealBytes } from '../privacy/seal.ts'
import { type KeyRef, refOf, type Vault } from '../privacy/vault.ts'

/** `bytes` is null if it is gone, together with whoever moved. Section 0 is the head, which belongs to nobody. */
export type Section = {
  readonly section: number
  readonly subject: Subject | null
  readonly generation: number | null
  readonly bytes: Buffer | null
  readonly hash: string
}

const deflate = promisify(deflateRaw)
const inflate = promisify(inflateRaw)
/** The most bytes that are unpacked: a head has a number for each tick and part. */
const MAX_HEAD = 1 << 20

const hashOf = (
  { section, subject, generation }: Pick<Section, 'section' | 'subject' | 'generation'>,
  bytes: Uint8Array,
): string =>
  createHash('sha256')
    .update(`${section} ${subject ?? ''}#${generation ?? ''}\n`)
    .update(bytes)
    .digest('base64')
/** The root over the sections' hashes, in their order. */
export const rootOf = (sections: ReadonlyArray<Pick<Section, 'hash'>>): string => {
  const hash = createHash('sha256')
  for (const one of sections) hash.update(Buffer.from(one.hash, 'base64'))
  return hash.digest('base64')
}
const boundTo = (block: string, section: number): string => `motion ${block} ${section}`

export const sealSections = async (
  block: string,
  head: MotionHead,
  tracks: ReadonlyMap<Subject, { readonly bytes: Uint8Array; readonly key: SubjectKey }>,
): Promise<ReadonlyArray<Section>> => {
  const first = { section: 0, subject: null, generation: null }
  const bytes = await deflate(Buffer.from(JSON.stringify(head)))
  const sections: Section[] = [{ ...first, bytes, hash: hashOf(first, bytes) }]
  for (const [subject, track] of tracks) {
    const section = sections.length
    const of = { section, subject, generation: track.key.generation }
    const sealed = sealBytes(await deflate(track.bytes), track.key.key, boundTo(block, section))
    sections.push({ ...of, bytes: sealed, hash: hashOf(of, sealed) })
  }
  return sections
}

/** What is wrong with the sections, in a sentence; null if they are what the log says. Whether bytes may be gone is not checked. */
export const faultOf = (sections: ReadonlyArray<Section>, root: string): string | null => {
  if (sections.length === 0) return 'it is missing'
  if (sections.some(({ section }, n) => section !== n)) return 'sections of it are missing'
  if (rootOf(sections) !== root) return 'its hash is not the one on the log'
  const forged = sections.find((one) => one.bytes !== null && hashOf(one, one.bytes) !== one.hash)
  return forged === undefined ? null : `section ${forged.section} was altered`
}

export type OpenedBlock = MotionBlock & {
  /** How many tracks are erased, and how many can't be opened. */
  readonly erased: number
  readonly shut: number
}
/** Opens sections that are what the log says. Throws if the head is malformed. */
export const openSections = async (
  block: string,
  sections: ReadonlyArray<Section>,
  vault: Pick<Vault, 'opening'>,
): Promise<OpenedBlock> => {
  const [first, ...rest] = sections
  if (first === undefined || first.bytes === null) throw new Error('a block of motion without a head')
  const head = JSON.parse(String(await inflate(first.bytes, { maxOutputLength: MAX_HEAD }))) as MotionHead
  const refs = rest.map(({ subject, generation }) => ({ subject, generation }) as KeyRef)
  const keys = await vault.opening(refs)
  const tracks: Uint8Array[] = []
  let [erased, shut] = [0, 0]
  for (const [n, { section, bytes }] of rest.entries()) {
    const key = keys.get(refOf(refs[n]!))
    if (bytes === null || (key !== undefined && 'erased' in key)) erased += 1
    else if (key === undefined) shut += 1
    else
      try {
        const packed = openBytes(bytes, key, boundTo(block, section))
        tracks.push(await inflate(packed, { maxOutputLength: MAX_TRACK + MAX_BLOCK }))
      } catch {
        shut += 1
      }
  }
  return { head, tracks, isAll: erased + shut === 0, erased, shut }
}
