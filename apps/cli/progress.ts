/** Progress of long work: on a terminal, one line with a bar that is drawn again; elsewhere, a line at intervals. Nothing is coloured. */
import type { Io } from './command.ts'

export type Shown = {
  /** `exporting`, `comparing messages`. */
  readonly what: string
  /** 0 to 1; null if the end is not known. */
  readonly share?: number | null
  /** `300 events, 15,000 a second`. */
  readonly more?: string
}
export type ProgressLine = {
  readonly at: (shown: Shown) => void
  /** Removes the line. */
  readonly end: () => void
}
export type ProgressOutput = {
  readonly isTTY?: boolean
  readonly columns?: number
  readonly write: (text: string) => unknown
}

const BAR = 24
const DRAWN_MS = 100
const TOLD_MS = 5_000
const CLEAR = '\r\x1b[K'

const bar = (share: number): string => {
  const full = Math.round(BAR * share)
  return `[${'#'.repeat(full)}${'.'.repeat(BAR - full)}]`
}
const lineOf = ({ what, share = null, more = '' }: Shown, isDrawn: boolean): string => {
  const part = share === null || !Number.isFinite(share) ? null : Math.max(0, Math.min(1, share))
  const far = part === null ? [] : [`${Math.floor(100 * part)} %`]
  const words = [...(isDrawn && part !== null ? [bar(part)] : []), ...far, what].join(' ')
  return more === '' ? words : `${words}: ${more}`
}

export const progressTo = (
  io: Io,
  terminal: ProgressOutput = process.stderr,
  now: () => number = () => performance.now(),
): ProgressLine => {
  const isDrawn = terminal.isTTY === true
  const every = isDrawn ? DRAWN_MS : TOLD_MS
  let shownAt = now()
  let isShown = false
  return {
    at: (shown) => {
      if (now() - shownAt < every) return
      shownAt = now()
      const line = lineOf(shown, isDrawn)
      if (!isDrawn) return io.err(line)
      isShown = true
      terminal.write(`${CLEAR}${line.slice(0, Math.max(20, (terminal.columns ?? 80) - 1))}`)
    },
    end: () => {
      if (isShown) terminal.write(CLEAR)
      isShown = false
    },
  }
}
