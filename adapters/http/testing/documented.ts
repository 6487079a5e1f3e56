/** Checks values against the schemas that document them: answers of REST, and events of sockets. For tests only. */
// biome-ignore lint/suspicious/noExplicitAny: a document of any shape is looked into
type Any = any

const kindOf = (value: unknown): string =>
  value === null ? 'null' : Array.isArray(value) ? 'array' : typeof value

/** What is wrong with `value`, each with its path. If the schema names properties, every property of the value must be among them. */
const complaints = (document: Any, schema: Any, value: unknown, at: string): string[] => {
  if (schema.$ref !== undefined)
    return complaints(document, document.components.schemas[schema.$ref.split('/').at(-1)], value, at)
  if (schema.type === undefined) return []
  const kind = kindOf(value)
  if (kind === 'null') return schema.nullable ? [] : [`${at} is null`]
  const fits = schema.type === 'integer' ? Number.isInteger(value) : kind === schema.type
  if (!fits) return [`${at} is ${kind} and no ${schema.type}`]
  if (schema.enum !== undefined && !schema.enum.includes(value)) return [`${at} is ${value}`]
  if (schema.pattern !== undefined && !new RegExp(schema.pattern).test(value as string))
    return [`${at} is ${value}, not of ${schema.pattern}`]
  if (schema.format === 'date-time' && new Date(value as string).toISOString() !== value)
    return [`${at} is ${value} and no time`]
  if (kind === 'array')
    return (value as unknown[]).flatMap((one, i) => complaints(document, schema.items, one, `${at}[${i}]`))
  if (kind !== 'object') return []
  const { properties = {}, required = [], additionalProperties } = schema
  const found: string[] = required
    .filter((name: string) => !Object.hasOwn(value as object, name))
    .map((name: string) => `${at}.${name} is missing`)
  for (const [name, one] of Object.entries(value as object)) {
    const here = `${at}.${name}`
    if (properties[name] !== undefined) found.push(...complaints(document, properties[name], one, here))
    else if (typeof additionalProperties === 'object')
      found.push(...complaints(document, additionalProperties, one, here))
    else if (Object.keys(properties).length > 0) found.push(`${here} is not documented`)
  }
  return found
}

/** What is wrong with a value, by a schema without references. `at`: its name. */
export const complaintsOf = (schema: object, value: unknown, at: string): ReadonlyArray<string> =>
  complaints({}, schema, value, at)

/** What is wrong with a JSON answer of the route `url` (as fastify writes it). */
export const undocumented = (
  document: Any,
  { method, url }: { readonly method: string; readonly url: string },
  { status, body }: { readonly status: number; readonly body: unknown },
): ReadonlyArray<string> => {
  // A HEAD is answered like a GET.
  const asked = method === 'HEAD' ? 'get' : method.toLowerCase()
  const operation = document.paths[url.replace(/:(\w+)/g, '{$1}').replace('*', '{*}')]?.[asked]
  if (operation === undefined) return [`${method} ${url} is not documented`]
  const response = operation.responses[status] ?? operation.responses.default
  const schema = response?.content?.['application/json']?.schema
  return schema === undefined
    ? [`${method} ${url} documents no ${status}`]
    : complaints(document, schema, body, `${method} ${url} ${status}: answer`)
}
