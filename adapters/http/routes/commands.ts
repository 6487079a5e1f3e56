/** Calls whose fields are a command's, made from the commands' own entries. */
import type { FastifyInstance } from 'fastify'
import * as t from 'io-ts'
import type { Field, Named } from '../../../domain/fields.ts'
import {
  SPACE_COMMANDS,
  type SpaceCommand,
  type SpaceCommandName,
  type Wire,
} from '../../../domain/space/commands.ts'
import { isText } from '../../../domain/text.ts'
import { Account, from, optional, PermissionCodec, Subject, Text } from '../codecs.ts'
import type { HttpDeps } from '../deps.ts'
import { mount, WRITTEN } from '../endpoint.ts'
import { orTell } from '../errors.ts'
import { time } from '../shapes.ts'
import { SpaceParams, spaceOf } from '../space-gate.ts'
import type { AnyCodec } from '../validate.ts'
import { written } from '../views.ts'

/** The domain checks the end. */
const Until = from('text', (value) => (isText(value) ? value : undefined), time)
const CODECS: { readonly [How in Exclude<Named, 'changes' | 'inner'>]: AnyCodec } = {
  'own session': Text,
  session: Text,
  'own session or another': Text,
  account: Account,
  subject: Subject,
  permission: PermissionCodec,
  switch: t.boolean,
  reason: optional(Text),
  until: optional(Until),
}
/** The name in paths and bodies: `sessionId` is `session_id`. */
const wireName = (name: string): string => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)

type Entry = {
  readonly says: string
  readonly wire: Wire | null
  readonly fields: Readonly<Record<string, Field<unknown>>>
}
const ENTRIES = Object.entries(SPACE_COMMANDS) as ReadonlyArray<[SpaceCommandName, Entry]>

export const commands = (app: FastifyInstance, deps: HttpDeps): void => {
  for (const [type, { says, wire, fields }] of ENTRIES) {
    if (wire === null || wire.rest === null) continue
    const { method, path } = wire.rest
    const inPath: t.Props = {}
    const inBody: t.Props = {}
    for (const [name, { named }] of Object.entries(fields)) {
      if (named === 'changes' || named === 'inner') continue
      const as = wireName(name)
      const where = path.split('/').includes(`:${as}`) ? inPath : inBody
      where[as] = CODECS[named]
    }
    mount(app, deps, {
      method,
      path: `/api/spaces/:type/:id/${path}`,
      answer: WRITTEN,
      tag: 'moderation',
      summary: says,
      params: t.intersection([SpaceParams, t.type(inPath)]),
      ...(Object.keys(inBody).length === 0 ? {} : { body: t.type(inBody) }),
      handle: async ({ params, body, sender, commandId }) => {
        const said: Readonly<Record<string, unknown>> = { ...(body as object), ...params }
        const asked = Object.keys(fields).map((name) => [name, said[wireName(name)] ?? null])
        const command = { type, ...Object.fromEntries(asked) } as SpaceCommand
        return written(
          orTell(await deps.commands.space({ ...sender, ...commandId, space: spaceOf(params), command })()),
        )
      },
    })
  }
}
