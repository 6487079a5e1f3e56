/** Runs `presence room replay` as a person does, for tests. */
import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

const cli = fileURLToPath(new URL('../../apps/cli/main.ts', import.meta.url))
/** The project's own room log: an evening of a made-up room. */
export const QUIET_EVENING = fileURLToPath(new URL('./rooms/quiet-evening.jsonl.gz', import.meta.url))

export const replay = (
  args: ReadonlyArray<string>,
  onLine: (line: string) => void = () => {},
): Promise<{ readonly code: number | null; readonly output: string }> =>
  new Promise((resolve) => {
    const child = spawn(process.execPath, [cli, 'room', 'replay', ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let output = ''
    for (const stream of [child.stdout, child.stderr])
      createInterface({ input: stream }).on('line', (line) => {
        output += `${line}\n`
        onLine(line)
      })
    child.once('close', (code) => resolve({ code, output }))
  })
