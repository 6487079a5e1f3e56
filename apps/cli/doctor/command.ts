/** `presence doctor` */

import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import * as E from 'fp-ts/lib/Either.js'
import type { Environment } from '../../config/load.ts'
import { type Command, counted, type Io } from '../command.ts'
import { fileError } from '../file-errors.ts'
import { readEnv } from '../setup/env-file.ts'
import { plain } from '../shown.ts'
import { type Configuration, whatIsGiven } from './configuration.ts'
import { databaseFindings } from './database.ts'
import type { Finding, Findings } from './finding.ts'
import { logFindings } from './log.ts'
import { diskFindings, memoryFindings } from './machine.ts'
import { contentFindings, hiveFindings, redisFindings } from './others.ts'
import { type VoiceOptions, voiceFindings } from './voice.ts'
import { webFindings } from './web.ts'
import { witnessFindings } from './witnesses.ts'

const usage = `presence doctor [--env FILE] [--json] [--quiet]

Looks at each thing that can be wrong, and says of what is not well what to do: settings, clock, disk, memory, PostgreSQL and
what stands before it, the migrations, the projector, the log and its keys, Redis, each Hive node, TURN over UDP, TCP and TLS by
a real relay, the server directly and by its public address (REST, polling, WebSocket), certificates, each witness, and who owns the lobby.
It changes nothing. It looks at what the environment names (or --env FILE does), else at what npm start runs on DATA_DIR.

  --env FILE   settings from this file, what the environment has going before it
  --json       the findings as JSON
  --quiet      what is not well alone
Ends with 0 where nothing is wrong, 1 where something is, 2 where it was asked for wrongly. What is “worth knowing” is not wrong.`

const needs = (given: Configuration, ...names: ReadonlyArray<string>): boolean =>
  names.every((name) => !given.wrong.has(name))

/** Checks that need a wrong setting are left out; the setting itself is reported. */
export const examine = async (given: Configuration, voice: VoiceOptions = {}): Promise<Findings> => {
  const { config, direct } = given
  const asksDatabase = needs(
    given,
    'DATABASE_URL',
    'DB_REPLICA_NAME',
    'DB_REPLICA_USER',
    'DB_REPLICA_PASSWORD',
  )
  const masterIsSet = needs(given, 'PRIVACY_MASTER_KEY')
  const isAboutKeys = (one: Finding) => one.about === 'keys'
  const ofDatabase = asksDatabase
    ? (await databaseFindings(config)).filter((one) => masterIsSet || !isAboutKeys(one))
    : []
  const hasTables = ofDatabase.some((one) => one.about === 'tables' && one.is === 'well')
  const hasMaster = masterIsSet && ofDatabase.some((one) => isAboutKeys(one) && one.is === 'well')
  const [log, redis, hive, content, turn, web, witnesses] = await Promise.all([
    needs(given, 'EVENTSTORE_URL') ? logFindings(config, hasTables, hasMaster) : [],
    needs(given, 'REDIS_URL') ? redisFindings(config) : [],
    needs(given, 'HIVE_NODE', 'HIVE_STANDIN') ? hiveFindings(config) : [],
    needs(given, 'HIVE_NODE', 'HIVE_STANDIN', 'DLUX_API_URL', 'CONTENT_TAG') ? contentFindings(config) : [],
    needs(given, 'TURN_SECRET', 'TURN_HOST') ? voiceFindings(config, voice) : [],
    needs(given, 'PUBLIC_URL', 'HOST', 'PORT') ? webFindings(config, direct) : [],
    needs(given, 'WITNESSES', 'AUDIT_ORIGIN', 'PUBLIC_URL') ? witnessFindings(config) : [],
  ])
  return [
    ...given.findings,
    ...diskFindings(config.dataDir),
    ...memoryFindings(),
    ...ofDatabase,
    ...log,
    ...redis,
    ...hive,
    ...content,
    ...turn,
    ...web,
    ...witnesses,
  ]
}

const MARK = { well: 'ok', 'worth knowing': 'note', wrong: 'WRONG', unknown: '?' } as const

const shown = (one: Finding): string =>
  plain(
    `${MARK[one.is].padEnd(5)} ${one.about.padEnd(12)} ${one.says}${one.todo === undefined ? '' : ` ${one.todo}`}`,
  )

const tell = (findings: Findings, { quiet = false, json = false }, io: Io): void => {
  const wrong = findings.filter(({ is }) => is === 'wrong').length
  const told = findings.filter(({ is }) => !quiet || is !== 'well')
  if (json) {
    io.out(JSON.stringify({ ok: wrong === 0, findings: told }, null, 2))
    return
  }
  for (const one of told) io.out(shown(one))
  io.out(
    wrong === 0 ? 'Nothing is wrong.' : `${counted(wrong, 'thing')} ${wrong === 1 ? 'is' : 'are'} wrong.`,
  )
}

export const doctor: Command = {
  name: 'doctor',
  summary: 'look at each thing that can be wrong, and say what to do about it',
  usage,
  run: async (args, io) => {
    const { values: options } = parseArgs({
      args: [...args],
      options: { env: { type: 'string' }, json: { type: 'boolean' }, quiet: { type: 'boolean' } },
    })
    let env: Environment = process.env
    if (options.env !== undefined)
      try {
        env = { ...readEnv(readFileSync(options.env, 'utf8')), ...process.env }
      } catch (error) {
        io.err(fileError(error, options.env))
        return 2
      }
    const given = whatIsGiven(env)
    if (E.isLeft(given)) {
      io.err(given.left)
      return 1
    }
    const findings = await examine(given.right)
    tell(findings, { quiet: options.quiet === true, json: options.json === true }, io)
    return findings.some(({ is }) => is === 'wrong') ? 1 : 0
  },
}
