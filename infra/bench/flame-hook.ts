/** Loaded into a server under test for `--flame`: the first SIGHUP starts a profile of it, the next one ends the profile and
 *  writes it down. */
import { renameSync, writeFileSync } from 'node:fs'
import { Session } from 'node:inspector/promises'
import { flameFilesOf } from './flame-files.ts'

/** Microseconds between two samples. */
const EVERY = 500

const { begun, profile } = flameFilesOf(process.pid)
let session: Session | null = null

const toggle = async (): Promise<void> => {
  if (session === null) {
    session = new Session()
    session.connect()
    await session.post('Profiler.enable')
    await session.post('Profiler.setSamplingInterval', { interval: EVERY })
    await session.post('Profiler.start')
    writeFileSync(begun, '')
    return
  }
  const ending = session
  session = null
  const taken = await ending.post('Profiler.stop')
  ending.disconnect()
  writeFileSync(`${profile}.new`, JSON.stringify(taken.profile))
  renameSync(`${profile}.new`, profile)
}

process.on('SIGHUP', () => void toggle())
