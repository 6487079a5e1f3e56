/** Which pages may call: origins as browsers send them, and patterns of them. REST and sockets share the answer. */

/** In a pattern, the first label of the host is a star, which stands for exactly one label: `https://*.dlux.io` matches
 *  `https://a.dlux.io`, and neither `https://dlux.io` nor `https://a.b.dlux.io`. */
const STAR = '://*.'
const LABEL = '[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?'

const escaped = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')

/** The form that libraries for cross-origin calls accept: a text for an origin, a regular expression for a pattern. */
export const originRules = (origins: ReadonlyArray<string>): Array<string | RegExp> =>
  origins.map((origin) => {
    const [scheme, rest] = origin.split(STAR)
    return scheme === undefined || rest === undefined
      ? origin
      : new RegExp(`^${escaped(scheme)}://${LABEL}\\.${escaped(rest)}$`)
  })

/** Whether this origin is allowed. */
export const createOriginCheck = (origins: ReadonlyArray<string>): ((origin: string) => boolean) => {
  const rules = originRules(origins)
  return (origin) => rules.some((rule) => (typeof rule === 'string' ? rule === origin : rule.test(origin)))
}
