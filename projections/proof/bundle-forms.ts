/** The forms that the parts of a bundle must have, as JSON. */
import { FORMAT, type Header } from './bundle.ts'
import type { BundledEvent } from './state.ts'

export type Json = Readonly<Record<string, unknown>>
export const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
export const keysAre = (value: Json, ...names: ReadonlyArray<string>): boolean =>
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
export const headerOf = (value: unknown): Header | null =>
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

export const eventOf = (value: unknown): BundledEvent | null =>
  isObject(value) &&
  keysAre(value, 'data', 'id', 'metadata', 'revision', 'stream', 'type') &&
  ['id', 'revision', 'stream', 'type'].every((name) => typeof value[name] === 'string')
    ? (value as BundledEvent)
    : null

export const hashesOf = (value: unknown): ReadonlyArray<Buffer> | null => {
  if (!Array.isArray(value)) return null
  const hashes = value.map((each) => Buffer.from(typeof each === 'string' ? each : '', 'base64'))
  return hashes.every((hash, i) => hash.length === 32 && hash.toString('base64') === value[i]) ? hashes : null
}
