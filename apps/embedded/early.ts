/**
 * Preloaded (`node --import`) into a program whose environment is not known yet: loads the modules that the program
 * needs, and lets the program begin once a line of JSON on its stdin has brought its environment. Loading modules is
 * the longest part of the program's start, and so it happens while PostgreSQL starts.
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
// The program's threads load this file, too.
if (isMainThread && early !== undefined) {
  delete process.env[EARLY_MODULE]
  const told = environment()
  await import('./stop-with-parent.ts')
  await import(early)
  // The pipe does not keep the program alive, so this timer does until the line has arrived.
  const waiting = setInterval(() => {}, 60_000)
  Object.assign(process.env, await told)
  clearInterval(waiting)
}
