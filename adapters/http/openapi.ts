/** The OpenAPI document in the form that clients and their generators need: what every call has in common is added here, once. */
import type { JsonSchema } from './shapes.ts'
import { spaceType } from './shapes.ts'

type Parameter = { name: string; in: string; schema: JsonSchema; required?: boolean; description?: string }
type Media = { schema?: unknown }
type Operation = {
  operationId?: string
  tags?: string[]
  parameters?: Parameter[]
  requestBody?: { required?: boolean; content: Record<string, { schema: { required?: string[] } }> }
  responses: Record<string, { content?: Record<string, Media> }>
  security?: unknown
}
type Document = {
  paths?: Record<string, Record<string, Operation>>
  components?: Record<string, unknown>
}

export const SECURITY_SCHEMES = {
  bearer: {
    type: 'http',
    scheme: 'bearer',
    description:
      'A session token; or `<signature>:<account>`, with the challenge that was signed in the body.',
  },
  ...Object.fromEntries(
    [
      ['account', 'A Hive account.'],
      ['challenge', 'Unix seconds, or a challenge of this server.'],
      ['pubkey', 'The key that signed: STM….'],
      ['signature', 'Of the challenge: recoverable, 130 hex digits.'],
    ].map(([name, description]) => [name, { type: 'apiKey', in: 'header', name: `x-${name}`, description }]),
  ),
} as const
/** One of three: a token, the four headers together, or nothing (a guest). */
export const SECURITY = [{ bearer: [] }, { account: [], challenge: [], pubkey: [], signature: [] }, {}]

const PATH: Readonly<Record<string, Partial<Parameter>>> = {
  type: { description: 'Of the space.', schema: spaceType },
  id: { description: 'Of the space; a post’s is author/permlink, its slash plain or as %2F.' },
  '*': { description: 'Everything that follows, slashes too.' },
}
const IDEMPOTENCY: Parameter = {
  name: 'Idempotency-Key',
  in: 'header',
  required: false,
  schema: { type: 'string', format: 'uuid' },
  description: 'The same key by the same caller for the same call is one command, and is answered alike.',
}

/** `GET /api/spaces/{type}/{id}` is `getApiSpacesTypeId`. */
const nameOf = (method: string, path: string): string =>
  method + path.replace(/[{}]/g, '').replace(/[^A-Za-z0-9]+(.)?/g, (_, next = '') => next.toUpperCase())

/** Moves each schema that has a title to the named ones, once, and puts a reference in its place. */
const hoister = (named: Record<string, unknown>) => {
  const hoist = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(hoist)
    if (typeof value !== 'object' || value === null) return value
    const seen = Object.fromEntries(
      Object.entries(value)
        .filter(([key]) => key !== 'x-sometimes')
        .map(([key, one]) => [key, hoist(one)]),
    )
    const { title, ...schema } = seen
    if (typeof title !== 'string' || schema.type !== 'object') return seen
    named[title] = schema
    return { $ref: `#/components/schemas/${title}` }
  }
  return hoist
}

/** Completes the document that the plugin made from the routes. */
export const finish = (document: Document): Document => {
  const schemas: Record<string, unknown> = {}
  const hoist = hoister(schemas)
  for (const [path, methods] of Object.entries(document.paths ?? {}))
    for (const [method, operation] of Object.entries(methods)) {
      operation.operationId = nameOf(method, path)
      const { parameters = [], requestBody } = operation
      for (const parameter of parameters)
        if (parameter.in === 'path') Object.assign(parameter, PATH[parameter.name])
      if (method !== 'get' && !path.startsWith('/api/auth/')) parameters.push({ ...IDEMPOTENCY })
      if (parameters.length > 0) operation.parameters = parameters
      if (requestBody)
        requestBody.required = Object.values(requestBody.content).some(
          ({ schema }) => (schema.required ?? []).length > 0,
        )
      for (const response of Object.values(operation.responses))
        for (const media of Object.values(response.content ?? {})) media.schema = hoist(media.schema)
    }
  document.components = { ...document.components, schemas }
  return document
}
