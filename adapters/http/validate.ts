/** io-ts in fastify: a schema carries its codec, which decodes; what OpenAPI shows is derived from the codec. */
import * as E from 'fp-ts/lib/Either.js'
import type * as t from 'io-ts'
import { invalid } from '../refusals.ts'
import { isOptional, shapeOf } from './codecs.ts'
import { HttpError } from './errors.ts'

// biome-ignore lint/suspicious/noExplicitAny: any codec at all
export type AnyCodec = t.Type<any, any, unknown>
type JsonSchema = Record<string, unknown>
type Tagged = AnyCodec & {
  readonly _tag?: string
  readonly props?: Record<string, Tagged>
  readonly types?: ReadonlyArray<Tagged>
  readonly type?: Tagged
  readonly value?: unknown
}

/** The codec as OpenAPI shows it. A codec of our own shows as text described by its name, or by the shape that it was given. */
const schemaOf = (codec: Tagged): JsonSchema => {
  switch (codec._tag) {
    case 'InterfaceType':
    case 'PartialType': {
      const properties = Object.fromEntries(
        Object.entries(codec.props ?? {}).map(([name, one]) => [name, schemaOf(one)]),
      )
      const needed = Object.entries(codec.props ?? {}).filter(([, one]) => !isOptional(one))
      const required = codec._tag === 'InterfaceType' ? { required: needed.map(([name]) => name) } : {}
      return { type: 'object', properties, ...required }
    }
    case 'IntersectionType': {
      const parts = (codec.types ?? []).map(schemaOf)
      return {
        type: 'object',
        properties: Object.assign({}, ...parts.map((part) => part.properties ?? {})),
        required: parts.flatMap((part) => (part.required as string[] | undefined) ?? []),
      }
    }
    case 'UnionType':
      return { type: 'string', enum: (codec.types ?? []).map((one) => one.value) }
    case 'StringType':
      return { type: 'string' }
    case 'NumberType':
      return { type: 'number' }
    case 'BooleanType':
      return { type: 'boolean' }
    case 'UnknownType':
      return {}
    case 'AnyDictionaryType':
    case 'DictionaryType':
      return { type: 'object', additionalProperties: true }
    default:
      return { description: codec.name, ...shapeOf(codec) }
  }
}

const codecs = new WeakMap<object, AnyCodec>()
/** The names that a strict schema knows. */
type Only = { readonly part: Part; readonly names: ReadonlyArray<string> }
type Part = 'query' | 'body'
const only = new WeakMap<object, Only>()

/** A schema for fastify's `schema` option, from which `compilersFactory` finds the codec. `strict`: the part of a
 *  request in which names that the codec doesn't know are refused: a misspelt filter would quietly show more than was
 *  asked for, and a proof in a field that nobody reads would turn an account into a guest. */
export const schemaFor = (codec: AnyCodec, { strict }: { readonly strict?: Part } = {}): JsonSchema => {
  const schema = schemaOf(codec as Tagged)
  const properties = Object.fromEntries(
    Object.entries((schema.properties as Record<string, unknown>) ?? {}).map(([name, one]) => [name, one]),
  )
  const whole = { type: 'object', ...schema, properties }
  if (Array.isArray(schema.required) && schema.required.length === 0) delete (whole as JsonSchema).required
  codecs.set(whole, codec)
  if (strict !== undefined) only.set(whole, { part: strict, names: Object.keys(properties) })
  return whole
}

const KNOWN: Readonly<Record<string, string>> = {
  string: 'text',
  number: 'a number',
  boolean: 'true or false',
  UnknownRecord: 'an object',
}

const refusalOf = (errors: t.Errors): HttpError => {
  const context = errors[0]?.context ?? []
  // The first part below the whole that has a name: steps into intersections and unions have numbers for keys.
  const place = context.slice(1).find(({ key }) => !/^\d*$/.test(key))
  if (place === undefined) return new HttpError(invalid('body', 'The body must be a JSON object.'))
  const name = place.type.name
  return new HttpError(invalid(place.key, `The field ${place.key} must be ${KNOWN[name] ?? name}.`))
}

/** How many letters must be inserted, deleted, changed or swapped with their neighbour to turn one word into the other. */
const distance = (one: string, other: string): number => {
  let before: number[] = []
  let last = Array.from({ length: other.length + 1 }, (_, i) => i)
  for (let i = 1; i <= one.length; i += 1) {
    const next = [i]
    for (let j = 1; j <= other.length; j += 1) {
      const same = one[i - 1] === other[j - 1]
      const swapped = i > 1 && j > 1 && one[i - 1] === other[j - 2] && one[i - 2] === other[j - 1]
      next[j] = Math.min(
        last[j]! + 1,
        next[j - 1]! + 1,
        last[j - 1]! + (same ? 0 : 1),
        swapped ? before[j - 2]! + 1 : Number.POSITIVE_INFINITY,
      )
    }
    before = last
    last = next
  }
  return last[other.length]!
}

const WORDS: Readonly<Record<Part, string>> = { query: 'parameter', body: 'field' }

const unknownName = (name: string, { part, names: known }: Only): HttpError => {
  const word = WORDS[part]
  if (known.length === 0) return new HttpError(invalid(part, `This call takes no ${word}s.`))
  if (!/^[\w.[\]-]{1,40}$/.test(name))
    return new HttpError(invalid(part, `The ${word}s here are ${known.join(', ')}.`))
  const far = (other: string): number => distance(name.toLowerCase(), other)
  const [nearest] = [...known].sort((a, b) => far(a) - far(b))
  const meant =
    nearest !== undefined && far(nearest) * 2 < Math.max(name.length, nearest.length)
      ? `the nearest is ${nearest}`
      : `there are ${known.join(', ')}`
  return new HttpError(invalid(part, `There is no ${word} ${name} here: ${meant}.`))
}

const isGiven = (value: unknown): boolean => value !== undefined && value !== null && value !== ''
/** DLUX's wallet names its account beside the proof. */
const BESIDE = ['user_account']

/** If a body has any part of a proof, a field that nobody reads may be another part, misspelt: the caller would quietly become a guest. */
export const refuseBesideProof = (body: unknown, codec: AnyCodec): void => {
  if (typeof body !== 'object' || body === null) return
  const given = body as Readonly<Record<string, unknown>>
  if (!['challenge', 'pubkey', 'signature'].some((name) => isGiven(given[name]))) return
  const names = Object.keys((schemaOf(codec as Tagged).properties as object | undefined) ?? {})
  const unknown = Object.keys(given).find((name) => !names.includes(name) && !BESIDE.includes(name))
  if (unknown !== undefined) throw unknownName(unknown, { part: 'body', names })
}

/** Decodes the parts that a schema from `schemaFor` describes; any other schema is documentation, and everything passes. */
const validatorCompiler = ({ schema }: { schema: unknown }) => {
  const codec = codecs.get(schema as object)
  const known = only.get(schema as object)
  return (data: unknown): { value: unknown } | { error: Error } => {
    if (codec === undefined) return { value: data }
    const unknown = known && Object.keys(data ?? {}).find((name) => !known.names.includes(name))
    if (known !== undefined && unknown !== undefined) return { error: unknownName(unknown, known) }
    const decoded = codec.decode(data ?? {})
    return E.isRight(decoded) ? { value: decoded.right } : { error: refusalOf(decoded.left) }
  }
}

/** For fastify: no compilers of its own, which would be loaded only to be replaced. */
export const compilersFactory = {
  buildValidator: () => validatorCompiler as never,
  buildSerializer: () => () => JSON.stringify,
}
