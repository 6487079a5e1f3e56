/** Makes checkpoints at intervals, so that there is always an earlier one to compare with, and has the witnesses cosign each. */
import type { Logger } from '../../adapters/logger.ts'
import {
  type AskedWitnesses,
  createWitnesses,
  type WitnessOptions,
} from '../../adapters/postgres/witnesses.ts'
import { type Signer, verifierOf } from '../../projections/proof/note.ts'
import type { Proofs } from '../../projections/proof/proofs.ts'
import type { Config } from '../config/load.ts'
import type { MetricsRegistry } from './metrics.ts'

/** Milliseconds. */
const CHECKPOINT_EVERY = 60_000
/** Milliseconds between two checks for a checkpoint that witnesses have not seen. */
const WITNESSES_EVERY = 5_000

/** Null if the settings name none. */
export const witnessesFor = (
  { audit }: Pick<Config, 'audit'>,
  { pool, signer, logger }: { pool: WitnessOptions['pool']; signer: Signer; logger: Logger },
): AskedWitnesses | null =>
  audit.witnesses.length === 0
    ? null
    : createWitnesses({
        pool,
        log: verifierOf(signer),
        places: audit.witnesses,
        onChange: ({ key }, told) => {
          if (told === null) logger.info({ witness: key.name }, 'The witness cosigns again.')
          else if (told.fault === 'unreachable')
            logger.warn({ witness: key.name, why: told.why }, 'A witness did not cosign.')
          else
            logger.error(
              { witness: key.name, why: told.why },
              'A witness holds this to be another log than it saw, or one that went back: see docs/proof.md.',
            )
        },
      })

export const measureWitnesses = (
  metrics: Pick<MetricsRegistry, 'gauge'>,
  witnesses: Pick<AskedWitnesses, 'states'> | null,
): void =>
  metrics.gauge(
    'presence_witnesses_not_cosigning',
    'witnesses that did not cosign the last checkpoint that they were asked about',
    async () => {
      if (witnesses === null) return 0
      const states = await witnesses.states()()
      return states._tag === 'Right' ? states.right.filter(({ fault }) => fault !== null).length : Number.NaN
    },
  )

/** Returns a function that stops it. */
export const keepCheckpoints = (
  proofs: Proofs,
  witnesses: Pick<AskedWitnesses, 'ask'> | null,
  logger: Pick<Logger, 'warn'>,
): (() => void) => {
  const sign = (): Promise<unknown> =>
    proofs
      .checkpoint()()
      .catch(() => {})
  const timers = [setInterval(() => void sign(), CHECKPOINT_EVERY)]
  let isAsking = false
  const ask = async (): Promise<void> => {
    if (isAsking || witnesses === null) return
    isAsking = true
    try {
      await witnesses.ask()
    } catch (error) {
      logger.warn({ err: error }, 'What witnesses say of the log could not be kept.')
    } finally {
      isAsking = false
    }
  }
  if (witnesses !== null) {
    timers.push(setInterval(() => void ask(), WITNESSES_EVERY))
    void sign().then(ask)
  }
  return () => {
    for (const timer of timers) clearInterval(timer)
  }
}
