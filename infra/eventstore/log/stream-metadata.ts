/** What a stream's metadata may say, and the names of the streams that hold it. */

export type Acl = Readonly<Record<'$r' | '$w' | '$d' | '$mr' | '$mw', ReadonlyArray<string> | undefined>>

export type StreamMetadata = {
  /** Seconds. */
  readonly maxAge: number | undefined
  readonly maxCount: number | undefined
  /** The first revision that may be read; infinite if the stream is deleted. */
  readonly truncateBefore: number
  readonly acl: Acl | undefined
}

export const NO_METADATA: StreamMetadata = {
  maxAge: undefined,
  maxCount: undefined,
  truncateBefore: 0,
  acl: undefined,
}

export const isMetastream = (name: string): boolean => name.startsWith('$$')
export const metastreamOf = (name: string): string => `$$${name}`
export const originalOf = (metastream: string): string => metastream.slice(2)
