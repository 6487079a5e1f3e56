/** A replay in a terminal: played by the events' own clock, paused, stepped both ways, taken to any time. */
import type { Player, ReplayStep } from '../../../../projections/history/replay.ts'
import { type KeyPress, nextKey } from './keys.ts'
import { type Picture, picture } from './screen.ts'
import { readWhen } from './when.ts'

export type Terminal = {
  readonly write: (text: string) => void
  readonly size: () => { readonly columns: number; readonly rows: number }
  readonly onInput: (hear: (bytes: string) => void) => void
  readonly onResize: (hear: () => void) => void
}

const NEWS = 500
const FRAME_MS = 50
const TICK_MS = 250
const RIGHTS = /^(Permission|Account|Settings)/

const newsOf = ({ decoded, at, says }: ReplayStep): Picture['news'][number] | null =>
  decoded?.kind === 'chat'
    ? null
    : { at, says, isRight: decoded === null || decoded.kind === 'refusal' || RIGHTS.test(decoded.event.type) }

/** What was typed and not read yet. */
const createTyped = (terminal: Terminal) => {
  let input = ''
  let wake = (): void => {}
  terminal.onInput((bytes) => {
    input += bytes
    wake()
  })
  terminal.onResize(() => wake())

  return {
    isEmpty: (): boolean => input === '',
    next: (isText: boolean): KeyPress | null => {
      const { key, length } = nextKey(input, isText)
      input = input.slice(length)
      return key
    },
    /** Until a key, a new size, or so long. */
    rest: (ms: number): Promise<void> =>
      new Promise((resolve) => {
        const timer = setTimeout(resolve, ms)
        wake = () => {
          clearTimeout(timer)
          resolve()
        }
        if (input !== '') wake()
      }),
  }
}

/** Resolves when somebody quits. `end`: a place in the log at which it stops, exclusive. */
export const watch = async (
  player: Player,
  terminal: Terminal,
  /** `start`: the time (ms) that was asked for, where it was one. */
  options: { readonly speed: number; readonly end: bigint | null; readonly start: number | null },
): Promise<void> => {
  let speed = options.speed
  let state: Picture['state'] = 'playing'
  let prompt: string | null = null
  let note: string | null = null
  /** One for each step, so that a step back removes what it added; null for chat events. */
  const news: Array<Picture['news'][number] | null> = []
  let clock: number | null = null
  let quit = false
  const typed = createTyped(terminal)

  const setClock = (): void => {
    const { time } = player.moment()
    clock = time === null ? null : Date.parse(time)
  }
  setClock()
  clock = options.start ?? clock

  const draw = (): void => {
    const { columns, rows } = terminal.size()
    const shown = news.filter((one) => one !== null)
    const of = { moment: player.moment(), clock, speed, state, news: shown, prompt, note }
    terminal.write(`\u001b[H${picture(of, columns, rows).join('\r\n')}\u001b[J`)
  }

  const forward = async (): Promise<boolean> => {
    const next = await player.peek()
    if (next === null || (options.end !== null && next.recorded.position >= options.end)) return false
    const step = await player.forward()
    if (step === null) return false
    news.push(newsOf(step))
    if (news.length > NEWS) news.shift()
    clock = Date.parse(step.at)
    return true
  }

  const goTo = async (text: string): Promise<void> => {
    const when = readWhen(text, player.moment().time)
    if (when === null) {
      note = `${text} is no time: try 2026-01-31T12:00:00Z, 12:00 or a position.`
      return
    }
    await player.jump(when)
    news.length = 0
    if (when.kind === 'time') clock = when.time.getTime()
    else setClock()
    if (state === 'at the end') state = 'paused'
  }

  const press = async (key: KeyPress): Promise<void> => {
    note = null
    if (prompt !== null) {
      if (key.kind === 'text') prompt += key.text
      else if (key.kind === 'erase') prompt = prompt.slice(0, -1)
      else if (key.kind === 'escape') prompt = null
      else if (key.kind === 'quit') quit = true
      else if (key.kind === 'enter') {
        const text = prompt
        prompt = null
        if (text.trim() !== '') await goTo(text)
      }
      return
    }
    switch (key.kind) {
      case 'quit':
        quit = true
        return
      case 'pause':
        state = state === 'playing' ? 'paused' : 'playing'
        return
      case 'forward':
        state = (await forward()) ? 'paused' : 'at the end'
        return
      case 'back':
        if (await player.back()) {
          news.pop()
          setClock()
        } else note = 'This is the beginning.'
        state = 'paused'
        return
      case 'faster':
        speed = Math.min(speed * 2, 1_000_000)
        return
      case 'slower':
        speed = Math.max(speed / 2, 0.125)
        return
      case 'jump':
        prompt = ''
        return
      default:
        return
    }
  }

  draw()
  let drawn = performance.now()
  let ticked = performance.now()
  while (!quit) {
    const now = performance.now()
    if (state === 'playing' && clock !== null && prompt === null) clock += (now - ticked) * speed
    ticked = now
    if (!typed.isEmpty()) {
      // One by one, since a key's meaning may depend on the one before.
      while (!typed.isEmpty() && !quit) {
        const key = typed.next(prompt !== null)
        if (key !== null) await press(key)
      }
      draw()
      drawn = performance.now()
      continue
    }
    let wait = 3_600_000
    if (state === 'playing' && prompt === null) {
      const next = await player.peek()
      if (next === null || (options.end !== null && next.recorded.position >= options.end)) {
        state = 'at the end'
        const { time } = player.moment()
        if (time !== null) clock = Date.parse(time)
      } else {
        const at = Date.parse(next.at)
        if (clock === null) clock = at
        if (at <= clock) {
          const reached = clock
          await forward()
          // The replay's own clock goes on from where it is, but never far ahead of what is shown.
          clock = performance.now() - drawn > FRAME_MS ? at : Math.max(reached, at)
          wait = 0
        } else wait = Math.min(TICK_MS, (at - clock) / speed)
      }
    }
    if (wait > 0 || performance.now() - drawn > FRAME_MS) {
      draw()
      drawn = performance.now()
    }
    if (wait > 0) await typed.rest(wait)
  }
}
