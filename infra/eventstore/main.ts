/** The node alone: `npm run eventstore -- --port 2113 --data ./data/eventstore`. */
import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { startNode } from './node.ts'

const USAGE = `Usage: npm run eventstore -- [--host 127.0.0.1] [--port 2113] [--data ./data/eventstore]
       [--tls-cert FILE --tls-key FILE] [--auth] [--projections] [--max-append-size 1048576]

The same from the environment: EVENTSTORE_HOST, EVENTSTORE_PORT, EVENTSTORE_DATA_DIR, EVENTSTORE_TLS_CERT,
EVENTSTORE_TLS_KEY, EVENTSTORE_AUTH=true, EVENTSTORE_PROJECTIONS=on, EVENTSTORE_MAX_APPEND_SIZE. The first start with authentication
takes the password of admin from EVENTSTORE_ADMIN_PASSWORD. EVENTSTORE_CHECKPOINT_FRAMES (500): how many pages of
8 KiB in the write-ahead log make it worth while to copy them into the file.`

const { values } = parseArgs({
  options: {
    host: { type: 'string', default: process.env.EVENTSTORE_HOST ?? '127.0.0.1' },
    port: { type: 'string', default: process.env.EVENTSTORE_PORT ?? '2113' },
    data: { type: 'string', default: process.env.EVENTSTORE_DATA_DIR ?? './data/eventstore' },
    'max-append-size': { type: 'string', default: process.env.EVENTSTORE_MAX_APPEND_SIZE ?? '1048576' },
    'tls-cert': { type: 'string', default: process.env.EVENTSTORE_TLS_CERT },
    'tls-key': { type: 'string', default: process.env.EVENTSTORE_TLS_KEY },
    auth: { type: 'boolean', default: process.env.EVENTSTORE_AUTH === 'true' },
    projections: {
      type: 'boolean',
      default: /^(on|true|1|all|system)$/i.test(process.env.EVENTSTORE_PROJECTIONS ?? ''),
    },
    help: { type: 'boolean', default: false },
  },
})

if (values.help) {
  console.log(USAGE)
  process.exit(0)
}

try {
  const { 'tls-cert': certFile, 'tls-key': keyFile } = values
  let stop = () => {}
  const node = await startNode({
    ...(certFile !== undefined && keyFile !== undefined
      ? { tls: { cert: readFileSync(certFile), key: readFileSync(keyFile) } }
      : {}),
    ...(values.auth ? { authentication: { adminPassword: process.env.EVENTSTORE_ADMIN_PASSWORD } } : {}),
    projections: values.projections,
    checkpointFrames: Number(process.env.EVENTSTORE_CHECKPOINT_FRAMES) || undefined,
    onShutdown: () => stop(),
    dataDir: values.data,
    host: values.host,
    port: Number(values.port),
    maxAppendSize: Number(values['max-append-size']),
  })
  console.log(`eventstore ready ${node.url} data ${values.data}`)
  let stopping = false
  stop = () => {
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
  process.on('SIGINT', () => stop())
  process.on('SIGTERM', () => stop())
} catch (error) {
  const taken = error instanceof Error && 'code' in error && error.code === 'EADDRINUSE'
  console.error(
    taken
      ? `Port ${values.port} on ${values.host} is taken: stop what listens there, or choose another with --port.`
      : error instanceof Error
        ? error.message
        : error,
  )
  process.exit(1)
}
