/** A rebuild as a process of its own, to be killed: prints each step on a line, and continues when told to. */
import { createInterface } from 'node:readline'
import { connectEventLog } from '../../../../adapters/eventstore/index.ts'
import { rebuild } from '../rebuild.ts'

const [eventStoreUrl = '', databaseUrl = '', only] = process.argv.slice(2)
const log = connectEventLog({ url: eventStoreUrl })
createInterface({ input: process.stdin }).on('close', () => process.exit(1))
await rebuild({
  log,
  databaseUrl,
  only,
  compare: true,
  batchSize: 50,
  onProgress: ({ phase, events }) => process.stdout.write(`${phase} ${events}\n`),
})
process.stdout.write('done\n')
await log.close()
process.exit(0)
