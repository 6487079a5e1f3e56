/** This project's projector on the event store BOUND_EVENTSTORE and the database BOUND_DATABASE, beside a server that only stores. It
 *  has no keys, so what is sealed stays sealed: less work than the server's own projector has. */
import { connectEventLog } from '../../adapters/eventstore/index.ts'
import { runProjector } from '../../apps/projector/projector.ts'

const url = process.env.BOUND_EVENTSTORE!
const log = connectEventLog({ url })
const projector = runProjector({ log, databaseUrl: process.env.BOUND_DATABASE! })
const end = async (): Promise<void> => {
  await projector.stop()
  await log.close()
  process.exit(0)
}
process.on('SIGTERM', () => void end())
process.stdin.on('end', () => void end()).resume()
console.log(`listening on ${url}`)
