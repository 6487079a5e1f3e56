/** `npm run presence -- COMMAND …` */
import { presence } from './dispatcher.ts'
import { registry } from './registry.ts'
import { asLines } from './shown.ts'

// A closed pipe (`| head`) is not an error.
process.stdout.on('error', () => process.exit(0))

const io = {
  out: (text: string) => void process.stdout.write(`${asLines(text)}\n`),
  err: (text: string) => void process.stderr.write(`${asLines(text)}\n`),
}
process.exitCode = await presence(process.argv.slice(2), registry, io).catch((error: unknown) => {
  io.err(error instanceof Error ? error.message : String(error))
  if (process.env.LOG_LEVEL === 'debug' && error instanceof Error) io.err(error.stack ?? '')
  return 1
})
