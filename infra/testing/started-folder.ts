/** A data folder that was started once and stopped, to copy: a first start makes a cluster and its tables, which takes seconds. */
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, renameSync } from 'node:fs'

/** Set by the runner, to a place that goes with the run. */
const PLACE = process.env.TEST_STARTED_FOLDER

/** True for the first process of a run that asks. */
const mayMake = (making: string): boolean => {
  try {
    mkdirSync(making, { mode: 0o711 })
    return true
  } catch {
    return false
  }
}

/**
 * Fills `folder` with what a first start leaves. Leaves it empty without a runner, and where another process is making the
 * copy right now: the start then is a first one.
 * @param startAndStop starts on the folder that it is given, and stops without removing it.
 */
export const copyStartedFolder = async (
  folder: string,
  startAndStop: (folder: string) => Promise<void>,
): Promise<void> => {
  if (PLACE === undefined) return
  const making = `${PLACE}-making`
  if (!existsSync(PLACE)) {
    if (!mayMake(making)) return
    await startAndStop(making)
    renameSync(making, PLACE)
  }
  // Owners are kept: root's Postgres runs as another user.
  execFileSync('cp', ['-a', `${PLACE}/.`, folder])
}
