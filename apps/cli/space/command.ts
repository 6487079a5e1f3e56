/** `presence space …`: an operator acts in a room as the system, through the same deciders as everybody; their name is on the log. */

import { randomUUID } from 'node:crypto'
import { parseArgs } from 'node:util'
import * as E from 'fp-ts/lib/Either.js'
import { describeError } from '../../../adapters/refusals.ts'
import { parseSpaceKey, type SpaceRef, spaceKey } from '../../../domain/names.ts'
import { SETTING_NAMES } from '../../../domain/settings.ts'
import { actingOn } from '../../operations/acting/acting.ts'
import { type Command, counted, type Io, Misused, type Run } from '../command.ts'
import { type Connections, connections } from '../connections.ts'
import { openedLog } from '../opened-log.ts'
import { operatorName } from '../operator.ts'
import { plain, plainJson } from '../shown.ts'
import { asked, endAfter, VERBS, type Verb } from './ask.ts'

type Given = {
  readonly verb: Verb
  readonly space: SpaceRef
  readonly words: ReadonlyArray<string>
  readonly reason: string | null
  readonly until: string | null
  readonly as: string
  readonly json: boolean
}

const clock = { now: () => Date.now() }

const pathTo = (to: Connections) =>
  actingOn({
    log: openedLog(to),
    databaseUrl: to.databaseUrl,
    hiveNodes: (process.env.HIVE_NODE || to.endpoints?.hiveNode || 'https://api.hive.blog').split(','),
    hiveStandIn: to.endpoints?.hiveStandIn === true,
    systemAdmins: (process.env.SYSTEM_ADMINS ?? '').split(',').filter((one) => one !== ''),
  })
type Path = Awaited<ReturnType<typeof pathTo>>['commands']

const tellSettings = (settings: object, { json }: Given, io: Io): void => {
  if (json) io.out(plainJson(JSON.stringify(settings)))
  else for (const [name, value] of Object.entries(settings)) io.out(plain(`${name}=${JSON.stringify(value)}`))
}

const carryOut = async (path: Path, given: Given, io: Io): Promise<number> => {
  const { verb, space, words, as, json } = given
  const standing = await path.look(space)()
  if (E.isLeft(standing)) {
    io.err(describeError(standing.left).error)
    return 1
  }
  const state = standing.right?.state ?? null
  if (verb === 'settings' && words.length === 0) {
    if (state === null)
      io.err(`Nothing ever happened in ${spaceKey(space)}: it has the settings that every room begins with.`)
    else tellSettings(state.settings, given, io)
    return state === null ? 1 : 0
  }
  const commands = asked(verb, words, given, state)
  if (E.isLeft(commands)) {
    io.err(plain(commands.left))
    return 1
  }
  let events = 0
  let position: bigint | null = null
  const correlationId = randomUUID()
  for (const command of commands.right) {
    const done = await path.space({
      id: randomUUID(),
      by: { kind: 'system', id: `cli:${as}` },
      client: { userAgent: `presence cli (${as})` },
      correlationId,
      space,
      command,
    })()
    if (E.isLeft(done)) {
      const { code, error } = describeError(done.left)
      if (json) io.out(plainJson(JSON.stringify({ ok: false, code, error })))
      io.err(plain(error))
      return 1
    }
    events += done.right.events.length
    position = done.right.position
  }
  if (json) io.out(plainJson(JSON.stringify({ ok: true, events, position: String(position) })))
  else
    io.out(
      events === 0 ? 'It was so already.' : `Done: ${counted(events, 'event')}, up to position ${position}.`,
    )
  return 0
}

const givenBy = (verb: Verb, args: ReadonlyArray<string>): Given => {
  const text = { type: 'string' } as const
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: { reason: text, until: text, for: text, as: text, json: { type: 'boolean' } },
  })
  const [key = '', ...words] = positionals
  const space = parseSpaceKey(key as never)
  if (E.isLeft(space)) throw new Misused(space.left.detail)
  if (values.until !== undefined && values.for !== undefined)
    throw new Misused('Give --until or --for, not both.')
  const until = values.for === undefined ? (values.until ?? null) : endAfter(values.for, clock.now())
  if (values.for !== undefined && until === null)
    throw new Misused('--for takes a time such as 30m, 2h or 7d.')
  if (until !== null && verb !== 'ban' && verb !== 'mute') throw new Misused(`${verb} has no end.`)
  return {
    verb,
    space: space.right,
    words,
    reason: values.reason ?? null,
    until,
    as: (values.as ?? operatorName()).replace(/[^\w.@+-]/g, '_').slice(0, 64),
    json: values.json === true,
  }
}

const act =
  (verb: Verb): Run =>
  async (args, io) => {
    const given = givenBy(verb, args)
    const to = connections()
    if (E.isLeft(to)) throw new Error(to.left)
    const path = await pathTo(to.right)
    try {
      return await carryOut(path.commands, given, io)
    } finally {
      await path.close()
    }
  }

const USES: Readonly<Record<Verb, { readonly takes: string; readonly says: string }>> = {
  ban: {
    takes: 'SPACE WHO [--until TIME | --for 2h] [--reason TEXT]',
    says: 'keeps somebody out, and ends their sessions',
  },
  unban: { takes: 'SPACE WHO [--reason TEXT]', says: 'lifts a ban' },
  mute: {
    takes: 'SPACE WHO [--until TIME | --for 2h] [--reason TEXT]',
    says: 'keeps somebody from chat and voice',
  },
  unmute: { takes: 'SPACE WHO [--reason TEXT]', says: 'lifts a mute' },
  kick: {
    takes: 'SPACE WHO [--reason TEXT]',
    says: 'ends somebody’s sessions, or the session of that id; they may come back',
  },
  grant: {
    takes: 'SPACE ACCOUNT access|moderate|admin [--reason TEXT]',
    says: 'gives an account a permission',
  },
  revoke: { takes: 'SPACE ACCOUNT [--reason TEXT]', says: 'takes an account’s permission away' },
  settings: {
    takes: 'SPACE [NAME=VALUE]…',
    says: `changes settings, or shows them where none is named. There are: ${SETTING_NAMES.join(', ')}`,
  },
}

export const space: Command = {
  name: 'space',
  summary: 'ban, mute, kick, grant, settings of a room, from a shell',
  words: VERBS.map((name) => ({ name, ...USES[name], load: async () => ({ run: act(name) }) })),
  notes: `SPACE is type:id, such as global:lobby or post:alice/my-post. WHO is an account, or a guest as guest:9f2c04ab17de. It is decided
as everybody’s acts are, as the system, which may act on anyone. The audit log has the name of who did it, as its user agent:
the one of this shell, or --as NAME.

  --until TIME   ISO 8601 with a zone; without it and --for, until it is lifted
  --for TIME     30m, 2h, 7d from now
  --reason TEXT  is on the log, and told to those whom it hits
  --json         what happened, as JSON`,
}
