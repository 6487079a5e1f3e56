/** A small primary like DLUX's beside the local database, if `npm start` is asked for one, to see how it is followed. */
import { readFileSync } from 'node:fs'
import { SAMPLE } from '../../adapters/content/load.ts'
import { ensureDatabase } from '../../infra/postgres/embedded.ts'
import { makePrimary, PRIMARY_ROLE } from '../../infra/primary/primary.ts'
import type { Environment } from '../config/load.ts'

const DATABASE = 'dlux_primary'

/** Whether one is asked for, and no other is named. */
export const wantsPrimary = (env: Environment): boolean =>
  ['1', 'on'].includes(env.PRESENCE_DEMO_PRIMARY ?? '') && !env.DB_PRIMARY_HOST

/** The settings with which its Postgres must be started. */
export const PRIMARY_SETTINGS = { wal_level: 'logical' }

/** Makes the primary, and returns the variables from which the parts learn of it. `urlOf`: the address of a database in
 *  the same Postgres. */
export const startPrimary = async (
  urlOf: (database: string) => string,
  password: string,
): Promise<Readonly<Record<string, string>>> => {
  await ensureDatabase(urlOf('postgres'), DATABASE)
  await makePrimary(urlOf(DATABASE), password, { sample: JSON.parse(readFileSync(SAMPLE, 'utf8')) })
  const { hostname, port } = new URL(urlOf(DATABASE))
  return {
    DB_PRIMARY_HOST: hostname,
    DB_PRIMARY_PORT: port,
    DB_PRIMARY_NAME: DATABASE,
    DB_PRIMARY_USER: PRIMARY_ROLE,
    DB_PRIMARY_PASSWORD: password,
    DB_PRIMARY_SSLMODE: 'disable',
  }
}
