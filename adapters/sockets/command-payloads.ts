/** The payloads of commands whose fields a client sends, made from the commands' own entries. */
import * as E from 'fp-ts/lib/Either.js'
import * as t from 'io-ts'
import type { Field, Named } from '../../domain/fields.ts'
import { SettingsChanges } from '../../domain/settings.ts'
import {
  SPACE_COMMANDS,
  type SpaceCommand,
  type SpaceCommandName,
  type Wire,
} from '../../domain/space/commands.ts'
import { Permission } from '../../domain/space/roles.ts'
import { type Described, invalid } from '../refusals.ts'
import { optional, Text } from './payload-parts.ts'

/** The space, if it is not the one that the socket is in. */
const elsewhere = { spaceType: optional(Text), spaceId: optional(Text) }
export type Elsewhere = { readonly spaceType?: string | null; readonly spaceId?: string | null }

/** How a field is sent: its names (the first one present counts; errors use the first), its codec, and whether it is
 *  required. `own`: the socket's session, if none is named. */
type Coming = {
  readonly names: ReadonlyArray<string>
  readonly codec: t.Mixed
  readonly must: boolean
  readonly own?: true
}
const COMING: { readonly [How in Exclude<Named, 'changes' | 'inner'>]: (name: string) => Coming } = {
  'own session': () => ({ names: [], codec: t.undefined, must: true, own: true }),
  session: () => ({ names: ['session_id', 'sessionId'], codec: optional(Text), must: true }),
  'own session or another': () => ({
    names: ['session_id', 'sessionId'],
    codec: optional(Text),
    must: true,
    own: true,
  }),
  account: () => ({ names: ['account', 'user_account'], codec: optional(Text), must: true }),
  subject: () => ({
    names: ['subject', 'account', 'user_account', 'guest_id'],
    codec: optional(Text),
    must: true,
  }),
  permission: (name) => ({ names: [name], codec: Permission, must: true }),
  switch: (name) => ({ names: [name], codec: t.boolean, must: true }),
  reason: (name) => ({ names: [name], codec: optional(Text), must: false }),
  until: (name) => ({ names: [name], codec: optional(Text), must: false }),
}

/** The commands whose fields a client sends. */
export const ON_WIRE = (
  Object.entries(SPACE_COMMANDS) as ReadonlyArray<
    [
      SpaceCommandName,
      { readonly wire: Wire | null; readonly fields: Readonly<Record<string, Field<unknown>>> },
    ]
  >
).flatMap(([type, { wire, fields }]) =>
  wire === null ? [] : [{ type, wire, fields: Object.entries(fields) }],
)
export type OnWire = (typeof ON_WIRE)[number]

const comingOf = (name: string, { named }: Field<unknown>): Coming | null =>
  named === 'changes' || named === 'inner' ? null : COMING[named](name)

/** The names under which a field may be sent; none for the socket's own session. */
export const namesOf = (name: string, field: Field<unknown>): ReadonlyArray<string> =>
  comingOf(name, field)?.names ?? []

/** Whether a command is about the socket's own session: then it can't be about another space. */
export const isOfOwnSession = ({ fields }: OnWire): boolean =>
  fields.some(([name, field]) => comingOf(name, field)?.own === true)

export const payloadOf = (
  command: OnWire,
): t.Type<Readonly<Record<string, unknown>> & Elsewhere, unknown, unknown> => {
  const props: t.Props = isOfOwnSession(command) ? {} : { ...elsewhere }
  let isChanges = false
  for (const [name, field] of command.fields) {
    const coming = comingOf(name, field)
    if (coming === null) isChanges = true
    else for (const one of coming.names) props[one] = coming.codec
  }
  const codec = t.type(props) as t.Mixed
  return (isChanges ? t.intersection([SettingsChanges, codec]) : codec) as never
}

/** The command in a payload, or what is wrong with it. `sessionId`: the socket's own. */
export const commandIn = (
  { type, fields }: OnWire,
  asked: Readonly<Record<string, unknown>>,
  sessionId: string | null,
): E.Either<Described | 'not in a room', SpaceCommand> => {
  const command: Record<string, unknown> = { type }
  for (const [name, field] of fields) {
    const coming = comingOf(name, field)
    if (coming === null) {
      const { spaceType: _type, spaceId: _id, ...changes } = asked
      command[name] = changes
      continue
    }
    const found = coming.names.map((one) => asked[one]).find((one) => one !== null && one !== undefined)
    const value = found ?? (coming.own === true ? sessionId : null)
    if (coming.own === true && sessionId === null) return E.left('not in a room')
    if (coming.must && value === null) {
      const [first = name] = coming.names
      return E.left(invalid(first, `${first} is missing.`))
    }
    command[name] = value
  }
  return E.right(command as SpaceCommand)
}
