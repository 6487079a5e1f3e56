/** The systems that commands connect to: those named in the environment, else those that `npm start` runs on DATA_DIR. */
import * as E from 'fp-ts/lib/Either.js'
import type { WitnessPlace } from '../../projections/proof/witnesses.ts'
import { eventStoreUrl, hexKey, postgresUrl, witnesses as witnessesCodec } from '../config/codecs.ts'
import { originOf } from '../config/load.ts'
import { EMBEDDED_ORIGIN, type Endpoints, readEndpoints } from '../operations/instance/endpoints.ts'
import { readMasterKey, readSigningKey } from '../operations/instance/secrets.ts'

export type Connections = {
  /** `esdb://…` */
  readonly eventStoreUrl: string
  /** `postgres://…` */
  readonly databaseUrl: string
  /** PRIVACY_MASTER_KEY: 64 hex digits; null if there is none, and personal data stays sealed. */
  readonly masterKey: string | null
  /** What checkpoints are signed with: the seed, 64 hex digits, and the log's name; null if there is no seed. */
  readonly audit: { readonly signingKey: string; readonly origin: string } | null
  /** The witnesses that cosign the log's checkpoints. */
  readonly witnesses: ReadonlyArray<WitnessPlace>
  /** Where the server listens; null if the environment names the systems. */
  readonly url: string | null
  /** The endpoints of what `npm start` runs; null if it is not running. */
  readonly endpoints: Endpoints | null
}

type Environment = Readonly<Record<string, string | undefined>>

/** Left is a sentence. */
export const connections = (env: Environment = process.env): E.Either<string, Connections> => {
  const endpoints = readEndpoints(env.DATA_DIR || './data')
  const eventStore = env.EVENTSTORE_URL || endpoints?.eventStoreUrl
  const database = env.DATABASE_URL || endpoints?.databaseUrl
  if (!eventStore || !database)
    return E.left(
      `Nothing runs on ${env.DATA_DIR || './data'}: run npm start first, or set EVENTSTORE_URL and DATABASE_URL.`,
    )
  for (const [name, codec, value] of [
    ['EVENTSTORE_URL', eventStoreUrl, eventStore],
    ['DATABASE_URL', postgresUrl, database],
  ] as const)
    if (E.isLeft(codec.decode(value))) return E.left(`${name} must be ${codec.name}.`)
  const masterKey = env.PRIVACY_MASTER_KEY || readMasterKey(env.DATA_DIR || './data')
  if (masterKey !== null && E.isLeft(hexKey(32).decode(masterKey)))
    return E.left(`PRIVACY_MASTER_KEY must be ${hexKey(32).name}.`)
  const signingKey = env.AUDIT_SIGNING_KEY || readSigningKey(env.DATA_DIR || './data')
  if (signingKey !== null && E.isLeft(hexKey(32).decode(signingKey)))
    return E.left(`AUDIT_SIGNING_KEY must be ${hexKey(32).name}.`)
  const witnesses = env.WITNESSES ? witnessesCodec.decode(env.WITNESSES) : E.right([])
  if (E.isLeft(witnesses)) return E.left(`WITNESSES must be ${witnessesCodec.name}.`)
  const url = env.PUBLIC_URL || endpoints?.url || null
  const origin = env.AUDIT_ORIGIN || (endpoints !== null || url === null ? EMBEDDED_ORIGIN : originOf(url))
  return E.right({
    eventStoreUrl: eventStore,
    databaseUrl: database,
    masterKey,
    audit: signingKey === null ? null : { signingKey, origin },
    witnesses: witnesses.right,
    url,
    endpoints,
  })
}
