/** The node alone: `npm run eventstore -- --port 2113 --data ./data/eventstore`. */
import { parseArgs } from 'node:util'
import { startNode } from './node.ts'

const USAGE = `Usage: npm run eventstore -- [--host 127.0.0.1] [--port 2113] [--data ./data/eventstore]

The same from the environment: EVENTSTORE_HOST, EVENTSTORE_PORT, EVENTSTORE_DATA_DIR.`

const { values } = parseArgs({
  options: {
    host: { type: 'string', default: process.env.EVENTSTORE_HOST ?? '127.0.0.1' },
    port: { type: 'string', default: process.env.EVENTSTORE_PORT ?? '2113' },
    data: { type: 'string', default: process.env.EVENTSTORE_DATA_DIR ?? './data/eventstore' },
    'max-append-size': { type: 'string', default: process.env.EVENTSTORE_MAX_APPEND_SIZE ?? '1048576' },
    help: { type: 'boolean', default: false },
  },
})

if (values.help) {
  console.log(USAGE)
  process.exit(0)
}

try {
  const node = await startNode({
    dataDir: values.data,
    host: values.host,
    port: Number(values.port),
    maxAppendSize: Number(values['max-append-size']),
  })
  console.log(`eventstore ready ${node.url} data ${values.data}`)
  let stopping = false
  const stop = () => {
    if (stopping) return
    stopping = true
    node.close().then(
      () => process.exit(0),
      (error: unknown) => {
        console.error(error)
        process.exit(1)
      },
    )
  }
  process.on('SIGINT', stop)
  process.on('SIGTERM', stop)
} catch (error) {
  console.error(error instanceof Error ? error.message : error)
  process.exit(1)
}
