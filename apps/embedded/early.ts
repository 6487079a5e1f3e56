/**
 * Loaded before a program whose environment is not known yet (`node --import`): loads the modules that the program needs, and then lets
 * it begin once a line of JSON on its stdin has said its environment. Loading takes longer than anything else that the program does
 * at its start, and this way it goes on while PostgreSQL starts.
 */
import { StringDecoder } from 'node:string_decoder'
import { isMainThread } from 'node:worker_threads'

/** The URL of the module to load. */
const EARLY_MODULE = 'EARLY_MODULE'

const environment = (): Promise<NodeJS.ProcessEnv> =>
  new Promise((resolve) => {
    const decoder = new StringDecoder('utf8')
    let text = ''
    const take = (data: Buffer): void => {
      text += decoder.write(data)
      if (!text.endsWith('\n')) return
      process.stdin.off('data', take)
      resolve(JSON.parse(text) as NodeJS.ProcessEnv)
    }
    process.stdin.on('data', take)
  })

const early = process.env[EARLY_MODULE]
// A program's threads read this too.
if (isMainThread && early !== undefined) {
  delete process.env[EARLY_MODULE]
  const told = environment()
  await import('./stop-with-parent.ts')
  await import(early)
  // The pipe keeps no program alive, so something has to until the line has come.
  const waiting = setInterval(() => {}, 60_000)
  Object.assign(process.env, await told)
  clearInterval(waiting)
}
