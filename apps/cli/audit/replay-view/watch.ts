/** A replay in a terminal: played by the events' own clock, paused, stepped both ways, moved to any time. */
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
    /** Waits for a key, a new size, or this long. */
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

type Options = {
  readonly speed: number
  /** A place in the log at which it stops, exclusive. */
  readonly end: bigint | null
  /** The start that was asked for, if it was a time (ms). */
  readonly start: number | null
}

/** What is shown, and the state of its controls. */
type Showing = {
  speed: number
  state: Picture['state']
  /** What is being typed; null outside a prompt. */
  prompt: string | null
  note: string | null
  /** One for each step, so that a step back removes what it added; null for chat events. */
  readonly news: Array<Picture['news'][number] | null>
  /** The replay's own time, in ms; null before the first event. */
  clock: number | null
  isOver: boolean
}

const timeOf = (player: Player): number | null => {
  const { time } = player.moment()
  return time === null ? null : Date.parse(time)
}
/** The next step within the replay's end, or null. */
const nextStep = async (player: Player, end: bigint | null) => {
  const next = await player.peek()
  return next === null || (end !== null && next.recorded.position >= end) ? null : next
}
const stepForward = async (player: Player, showing: Showing, end: bigint | null): Promise<boolean> => {
  const step = (await nextStep(player, end)) === null ? null : await player.forward()
  if (step === null) return false
  showing.news.push(newsOf(step))
  if (showing.news.length > NEWS) showing.news.shift()
  showing.clock = Date.parse(step.at)
  return true
}
const stepBack = async (player: Player, showing: Showing): Promise<void> => {
  if (await player.back()) {
    showing.news.pop()
    showing.clock = timeOf(player)
  } else showing.note = 'This is the beginning.'
}
const goTo = async (player: Player, showing: Showing, text: string): Promise<void> => {
  const when = readWhen(text, player.moment().time)
  if (when === null) {
    showing.note = `${text} is no time: try 2026-01-31T12:00:00Z, 12:00 or a position.`
    return
  }
  await player.jump(when)
  showing.news.length = 0
  showing.clock = when.kind === 'time' ? when.time.getTime() : timeOf(player)
  if (showing.state === 'at the end') showing.state = 'paused'
}

/** A key while something is typed. */
const typeInto = async (player: Player, showing: Showing, prompt: string, key: KeyPress): Promise<void> => {
  if (key.kind === 'text') showing.prompt = prompt + key.text
  else if (key.kind === 'erase') showing.prompt = prompt.slice(0, -1)
  else if (key.kind === 'escape') showing.prompt = null
  else if (key.kind === 'quit') showing.isOver = true
  else if (key.kind === 'enter') {
    showing.prompt = null
    if (prompt.trim() !== '') await goTo(player, showing, prompt)
  }
}
const press = async (player: Player, showing: Showing, key: KeyPress, end: bigint | null): Promise<void> => {
  showing.note = null
  if (showing.prompt !== null) return typeInto(player, showing, showing.prompt, key)
  switch (key.kind) {
    case 'quit':
      showing.isOver = true
      return
    case 'pause':
      showing.state = showing.state === 'playing' ? 'paused' : 'playing'
      return
    case 'forward':
      showing.state = (await stepForward(player, showing, end)) ? 'paused' : 'at the end'
      return
    case 'back':
      await stepBack(player, showing)
      showing.state = 'paused'
      return
    case 'faster':
      showing.speed = Math.min(showing.speed * 2, 1_000_000)
      return
    case 'slower':
      showing.speed = Math.max(showing.speed / 2, 0.125)
      return
    case 'jump':
      showing.prompt = ''
      return
    default:
      return
  }
}

const IDLE_MS = 3_600_000
/** Shows what is due by the replay's clock. Resolves to how long (ms) until the next is due. `sinceDrawn`: ms since the last picture. */
const play = async (
  player: Player,
  showing: Showing,
  end: bigint | null,
  sinceDrawn: () => number,
): Promise<number> => {
  const next = await nextStep(player, end)
  if (next === null) {
    showing.state = 'at the end'
    showing.clock = timeOf(player) ?? showing.clock
    return IDLE_MS
  }
  const at = Date.parse(next.at)
  const clock = showing.clock ?? at
  showing.clock = clock
  if (at > clock) return Math.min(TICK_MS, (at - clock) / showing.speed)
  await stepForward(player, showing, end)
  // The replay's own clock goes on, but never far ahead of what is shown.
  showing.clock = sinceDrawn() > FRAME_MS ? at : Math.max(clock, at)
  return 0
}

const draw = (player: Player, terminal: Terminal, showing: Showing): void => {
  const { columns, rows } = terminal.size()
  const { clock, speed, state, prompt, note } = showing
  const news = showing.news.filter((one) => one !== null)
  const of = { moment: player.moment(), clock, speed, state, news, prompt, note }
  terminal.write(`\u001b[H${picture(of, columns, rows).join('\r\n')}\u001b[J`)
}

/** Resolves when somebody quits. */
export const watch = async (player: Player, terminal: Terminal, options: Options): Promise<void> => {
  const typed = createTyped(terminal)
  const showing: Showing = {
    speed: options.speed,
    state: 'playing',
    prompt: null,
    note: null,
    news: [],
    clock: options.start ?? timeOf(player),
    isOver: false,
  }
  let drawn = 0
  const drawNow = (): void => {
    draw(player, terminal, showing)
    drawn = performance.now()
  }
  drawNow()
  let ticked = performance.now()
  while (!showing.isOver) {
    const now = performance.now()
    const isPlaying = showing.state === 'playing' && showing.prompt === null
    if (isPlaying && showing.clock !== null) showing.clock += (now - ticked) * showing.speed
    ticked = now
    if (!typed.isEmpty()) {
      // One by one, since a key's meaning may depend on the one before.
      while (!typed.isEmpty() && !showing.isOver) {
        const key = typed.next(showing.prompt !== null)
        if (key !== null) await press(player, showing, key, options.end)
      }
      drawNow()
      continue
    }
    const sinceDrawn = (): number => performance.now() - drawn
    const wait = isPlaying ? await play(player, showing, options.end, sinceDrawn) : IDLE_MS
    if (wait > 0 || sinceDrawn() > FRAME_MS) drawNow()
    if (wait > 0) await typed.rest(wait)
  }
}
