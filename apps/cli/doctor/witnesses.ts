/** Checks each witness: whether it answers, has the key that the settings name, and cosigned the log lately. */
import { textOf } from '../../../adapters/bounded-body.ts'
import { whyUnreachable } from '../../../adapters/unreachable.ts'
import { cosignedAt } from '../../../projections/proof/cosignature.ts'
import { checkpointIn } from '../../../projections/proof/note.ts'
import type { WitnessPlace } from '../../../projections/proof/witnesses.ts'
import type { Config } from '../../config/load.ts'
import { originHash } from '../../operations/witness/state.ts'
import { counted } from '../command.ts'
import { about, type Finding, type Findings, soon } from './finding.ts'

/** Servers ask it every minute. */
const LATELY_S = 600

const witnessFinding = async (
  { key, url }: WitnessPlace,
  { origin, now }: { readonly origin: string; readonly now: number },
): Promise<Finding> => {
  const witness = about('witness')
  const where = `${url}/${originHash(origin)}/checkpoint`
  let status: number
  let note: string
  try {
    const response = await soon(fetch(where, { redirect: 'error' }))
    status = response.status
    note = await soon(textOf(response))
  } catch (error) {
    return witness.wrong(
      `The witness ${key.name} can’t be reached at ${url}: ${whyUnreachable(error).replace(/\.$/, '')}.`,
      'Ask who runs it, or take it out of WITNESSES: pages that demand it trust nothing meanwhile.',
    )
  }
  if (status === 404)
    return witness.note(
      `The witness ${key.name} has cosigned nothing of ${origin} yet.`,
      'Whoever runs it has to know this log’s key (GET /api/audit/key).',
    )
  if (status !== 200)
    return witness.unknown(`The witness ${key.name} answered ${status}.`, 'Ask who runs it.')
  const cosigned = cosignedAt(note, key)
  if (cosigned === null)
    return witness.wrong(
      `What ${url} cosigned is not signed by the key of ${key.name} in WITNESSES.`,
      'Name the key that presence witness prints there.',
    )
  const at = new Date(1_000 * cosigned.seconds).toISOString()
  const says = `The witness ${key.name} cosigned ${counted(checkpointIn(note)?.size ?? 0, 'event')} at ${at}`
  return now / 1_000 - cosigned.seconds > LATELY_S
    ? witness.wrong(`${says}, and nothing since.`, 'GET /api/audit/witnesses says why (docs/proof.md).')
    : witness.well(`${says}.`)
}

export const witnessFindings = ({ audit }: Pick<Config, 'audit'>, now = Date.now()): Promise<Findings> =>
  Promise.all(audit.witnesses.map((place) => witnessFinding(place, { origin: audit.origin, now })))
