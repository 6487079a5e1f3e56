/** The node on its own: `npm run eventstore -- --port 2113 --data ./data/eventstore`. */
import { readFileSync } from 'node:fs'
import { createSecureContext } from 'node:tls'
import { textOf } from './log/refusals.ts'
import { startNode } from './node.ts'
import { type NodeSettings, readSettings, usage } from './options.ts'

const give = (sentence: string): never => {
  console.error(sentence)
  process.exit(1)
}

const readTls = ({ tlsCert, tlsKey }: NodeSettings) => {
  if (tlsCert === undefined || tlsKey === undefined) return undefined
  const read = (file: string): Buffer => {
    try {
      return readFileSync(file)
    } catch (error) {
      return give(`${file} can't be read: ${(error as Error).message}.`)
    }
  }
  const tls = { cert: read(tlsCert), key: read(tlsKey) }
  try {
    createSecureContext(tls)
  } catch (error) {
    give(`${tlsCert} and ${tlsKey} are no certificate and its key, in PEM (${(error as Error).message}).`)
  }
  return tls
}

/** What keeps it from listening, or the error's own message. */
const sentenceOf = (error: unknown, { host, port }: NodeSettings): string => {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  switch (code) {
    case 'EADDRINUSE':
      return `Port ${port} on ${host} is taken: stop what listens there, or choose another with --port.`
    case 'EACCES':
      return `This user may not listen on port ${port}: choose one above 1023 with --port.`
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return `${host} is no address of this machine: name another with --host.`
    default:
      return textOf(error)
  }
}

const read = readSettings(process.argv.slice(2), process.env)
if ('help' in read) {
  console.log(usage())
  process.exit(0)
}
if ('faults' in read) give(read.faults.join('\n'))
else {
  const { settings } = read
  const tls = readTls(settings)
  let stop = () => {}
  try {
    const node = await startNode({
      ...(tls === undefined ? {} : { tls }),
      ...(settings.auth ? { authentication: { adminPassword: settings.adminPassword } } : {}),
      projections: settings.projections,
      checkpointFrames: settings.checkpointFrames,
      indexBehind: settings.indexBehind,
      lagMs: settings.lagMs,
      onShutdown: () => stop(),
      dataDir: settings.dataDir,
      host: settings.host,
      port: settings.port,
      maxAppendSize: settings.maxAppendSize,
    })
    console.log(`eventstore ready ${node.url} data ${settings.dataDir}`)
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
    give(sentenceOf(error, settings))
  }
}
