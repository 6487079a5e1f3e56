/** What the user of `npm start` sees: a line for each part as it comes up, and which parts are still awaited. */
import { styleText } from 'node:util'

type Out = NodeJS.WriteStream
type Style = Parameters<typeof styleText>[0]

export type Display = {
  /** Shows the part as awaited until `work` is done, then as up, with its time and what `detail` says. */
  readonly during: <A>(part: string, work: Promise<A>, detail?: (done: A) => string) => Promise<A>
  readonly say: (line: string) => void
  readonly table: (rows: ReadonlyArray<readonly [string, string]>) => void
}

const FRAMES = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏']
/** Without a terminal there is no line to redraw: then a line is printed at this interval. */
const PLAIN_EVERY_MS = 2000

export const createDisplay = (out: Out): Display => {
  const paint = (style: Style, text: string) => (out.isTTY ? styleText(style, text) : text)
  const begun = performance.now()
  const awaited = new Set<string>()
  let frame = 0
  let timer: NodeJS.Timeout | null = null

  const clear = () => void (out.isTTY && out.write('\r\x1b[K'))
  const seconds = (since: number) => `${((performance.now() - since) / 1000).toFixed(1)} s`
  const draw = () => {
    const parts = [...awaited].join(', ')
    if (out.isTTY)
      out.write(
        `\r\x1b[K  ${paint('cyan', FRAMES[frame++ % FRAMES.length] ?? '')} ${parts}  ${seconds(begun)}`,
      )
    else out.write(`  … waiting for ${parts} (${seconds(begun)})\n`)
  }
  const say = (line: string) => {
    clear()
    out.write(`${line}\n`)
    if (awaited.size > 0 && out.isTTY) draw()
  }
  const tick = () => {
    if (awaited.size > 0) timer ??= setInterval(draw, out.isTTY ? 80 : PLAIN_EVERY_MS)
    else if (timer) {
      clearInterval(timer)
      timer = null
    }
  }
  return {
    say,
    during: async (part, work, detail = () => '') => {
      const since = performance.now()
      awaited.add(part)
      tick()
      try {
        const done = await work
        awaited.delete(part)
        say(
          `  ${paint('green', '✓')} ${part.padEnd(16)} ${seconds(since).padStart(6)}  ${paint('dim', detail(done))}`,
        )
        return done
      } finally {
        awaited.delete(part)
        tick()
        if (awaited.size === 0) clear()
      }
    },
    table: (rows) => {
      const width = Math.max(...rows.map(([name]) => name.length))
      for (const [name, value] of rows) out.write(`  ${paint('bold', name.padEnd(width))}  ${value}\n`)
    },
  }
}
