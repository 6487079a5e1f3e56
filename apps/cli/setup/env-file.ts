/** An .env file as text: read as Docker and Node read it, changed a line at a time, so that comments and order stay. */
import { parseEnv } from 'node:util'

export type EnvFile = Readonly<Record<string, string | undefined>>

export const readEnv = (text: string): EnvFile => parseEnv(text)

/** Whether a value needs no quotes to be read the same by Node, Docker and a shell. */
const isPlain = (value: string): boolean => /^[A-Za-z0-9_.,:;/@%+=~?&*[\]-]*$/.test(value)

const lineOf = (name: string, value: string): string =>
  `${name}=${isPlain(value) ? value : JSON.stringify(value)}`

/** The text in which `name` has this value: in its place, else in that of its commented example, else at the end. */
export const withValue = (text: string, name: string, value: string): string => {
  const lines = text.split('\n')
  const standing = lines.findLastIndex((line) => new RegExp(`^\\s*(export\\s+)?${name}\\s*=`).test(line))
  const at = standing >= 0 ? standing : lines.findIndex((line) => new RegExp(`^#\\s?${name}=`).test(line))
  if (at >= 0) return lines.with(at, lineOf(name, value)).join('\n')
  const end = text === '' || text.endsWith('\n') ? text : `${text}\n`
  return `${end}${lineOf(name, value)}\n`
}
