/** Generates the client's TypeScript types of the wire from the records that the documents are made from. */
import { CODES } from '../../adapters/codes.ts'
import type { Documented } from '../../adapters/sockets/documented.ts'
import { CLIENT_EVENTS, SERVER_EVENTS } from '../../adapters/sockets/documented.ts'

type Schema = Readonly<Record<string, unknown>>

const nested = (depth: number): string => '  '.repeat(depth)
const key = (name: string): string => (/^[a-zA-Z_]\w*$/.test(name) ? name : `'${name}'`)

const objectType = (
  fields: Readonly<Record<string, Schema>>,
  optional: ReadonlySet<string>,
  depth: number,
): string => {
  const lines = Object.entries(fields).map(
    ([name, schema]) =>
      `${nested(depth + 1)}readonly ${key(name)}${optional.has(name) ? '?' : ''}: ${typeOf(schema, depth + 1)}`,
  )
  return `{\n${lines.join('\n')}\n${nested(depth)}}`
}

const plainType = (schema: Schema, depth: number): string => {
  const values = schema.enum as ReadonlyArray<string> | undefined
  if (values !== undefined) return values.map((value) => `'${value}'`).join(' | ')
  switch (schema.type) {
    case 'string':
      return 'string'
    case 'integer':
    case 'number':
      return 'number'
    case 'boolean':
      return 'boolean'
    case 'array':
      return `ReadonlyArray<${typeOf(schema.items as Schema, depth)}>`
    case 'object': {
      const fields = schema.properties as Readonly<Record<string, Schema>> | undefined
      if (fields === undefined) return 'Readonly<Record<string, unknown>>'
      const required = schema.required as ReadonlyArray<string> | undefined
      const optional = Object.keys(fields).filter(
        (name) => required !== undefined && !required.includes(name),
      )
      return objectType(fields, new Set(optional), depth)
    }
    default:
      return 'unknown'
  }
}
const typeOf = (schema: Schema, depth: number): string =>
  `${plainType(schema, depth)}${schema.nullable === true ? ' | null' : ''}`

const eventsType = (name: string, says: string, events: Readonly<Record<string, Documented>>): string => {
  const lines = Object.entries(events).map(([event, { does, fields, maybe = [] }]) => {
    const payload =
      Object.keys(fields).length === 0
        ? 'Readonly<Record<string, unknown>>'
        : objectType(fields, new Set(maybe), 1)
    return `  /** ${does} */\n  readonly ${key(event)}: ${payload}`
  })
  return `/** ${says} */\nexport type ${name} = {\n${lines.join('\n')}\n}\n`
}

/** The whole file. */
export const clientWire = (): string =>
  [
    '/** What goes over the wire. Made from the project’s records by `WRITE_CONTRACT=1 node infra/checks/contract.test.ts`. */\n',
    eventsType('Sent', 'What a client sends, by event.', CLIENT_EVENTS),
    eventsType('Told', 'What the server tells, by event.', SERVER_EVENTS),
    `/** The codes of refusals; \`invalid_<field>\` beside them. */\nexport type Code =\n${Object.keys(CODES)
      .map((code) => `  | '${code}'`)
      .join('\n')}\n  | \`invalid_\${string}\`\n`,
  ].join('\n')
