/** A replay as lines of a terminal: who is in, what is said, what happens. Pure: the same input gives the same output. */

import stringWidth from 'string-width'
import { roomKey } from '../../../../domain/names.ts'
import { MARK_NAMES, MARKS, type SessionMarks } from '../../../../domain/space/session.ts'
import type { Moment } from '../../../../projections/history/moments.ts'
import { plain } from '../../shown.ts'

export type Picture = {
  readonly moment: Moment
  /** The replay's own clock, ms. */
  readonly clock: number | null
  readonly speed: number
  readonly state: 'playing' | 'paused' | 'at the end'
  /** What happened besides the chat, oldest first. */
  readonly news: ReadonlyArray<{ readonly at: string; readonly says: string; readonly isRight: boolean }>
  /** What is being typed in the prompt for a time. */
  readonly prompt: string | null
  readonly note: string | null
}

const graphemes = new Intl.Segmenter('en', { granularity: 'grapheme' })
const widthOf = (grapheme: string): number => stringWidth(grapheme)

/** Cuts or pads the text to exactly this many columns. */
export const fit = (text: string, columns: number): string => {
  let out = ''
  let width = 0
  for (const { segment } of graphemes.segment(plain(text))) {
    const wide = widthOf(segment)
    if (width + wide > columns) {
      // The last one is replaced by the sign that there was more.
      const cut = [...graphemes.segment(out)].map((one) => one.segment)
      while (width > columns - 1 && cut.length > 0) width -= widthOf(cut.pop()!)
      return `${cut.join('')}…${' '.repeat(Math.max(0, columns - width - 1))}`
    }
    out += segment
    width += wide
  }
  return out + ' '.repeat(columns - width)
}

const bold = (text: string): string => `\u001b[1m${text}\u001b[0m`
const dim = (text: string): string => `\u001b[2m${text}\u001b[0m`
const yellow = (text: string): string => `\u001b[33m${text}\u001b[0m`
const hour = (at: string): string => at.slice(11, 19)

const signs = (marks: SessionMarks): string =>
  MARK_NAMES.map((name) => (marks[name] === MARKS[name].initial ? ' ' : MARKS[name].sign)).join('')

const people = (moment: Moment): ReadonlyArray<string> => {
  const { grants } = moment.standing.state
  const owner = moment.standing.state.opened?.owner ?? null
  const rooms = new Map<string, string[]>()
  for (const session of moment.standing.state.sessions.values()) {
    const name = session.account ?? session.guest ?? ''
    const permission = name === owner ? 'owner' : grants.get(name)?.permission
    const role = permission === undefined || permission === 'access' ? '' : ` (${permission})`
    const there = rooms.get(session.subspace) ?? []
    rooms.set(session.subspace, there)
    there.push(`${signs(session)} ${name}${role}`)
  }
  const lines: string[] = []
  for (const [subspace, there] of rooms) {
    if (rooms.size > 1 || subspace !== 'main') lines.push(`${subspace}:`)
    lines.push(...there)
  }
  return lines
}

const chat = (moment: Moment): ReadonlyArray<string> =>
  moment.messages.map((message) => {
    const words =
      message.deleted !== null
        ? '(deleted)'
        : message.erased !== null
          ? '(erased)'
          : `${message.content}${message.editedAt === null ? '' : ' (edited)'}`
    const counts = new Map<string, number>()
    for (const { emoji } of message.reactions) counts.set(emoji, (counts.get(emoji) ?? 0) + 1)
    const reactions = [...counts].map(([emoji, count]) => ` ${emoji}${count > 1 ? count : ''}`).join('')
    return `${hour(message.createdAt)} ${message.displayName}: ${words}${reactions}`
  })

const incomplete = (unread: number): string | null =>
  unread === 0
    ? null
    : `${unread === 1 ? 'An event' : `${unread} events`} so far can’t be read by this version: what ${unread === 1 ? 'it' : 'they'} changed is missing here.`

const last = <A>(list: ReadonlyArray<A>, count: number): ReadonlyArray<A> =>
  list.slice(Math.max(0, list.length - count))

/** Exactly `rows` lines of `columns` columns (escapes aside). */
export const picture = (of: Picture, columns: number, rows: number): ReadonlyArray<string> => {
  const { moment } = of
  const width = Math.max(40, columns)
  const height = Math.max(12, rows)
  const left = Math.min(34, Math.floor(width / 3))
  const right = width - left - 3
  const below = Math.max(3, Math.floor((height - 5) / 4))
  const middle = height - 5 - below
  const clock =
    of.clock === null ? 'before anything' : new Date(of.clock).toISOString().replace('T', ' ').slice(0, 19)
  const { size } = moment.standing.state.sessions
  const title = ` ${roomKey(moment.space, '').slice(0, -1)}   ${clock}   ${of.speed}x ${of.state}`
  const place = `${size} in   position ${moment.position ?? '-'} `
  const who = people(moment)
  const shown =
    who.length > middle ? [...who.slice(0, middle - 1), `… and ${who.length - middle + 1} more`] : who
  const said = last(chat(moment), middle)
  const lines = [
    `\u001b[7m${fit(title, Math.max(0, width - place.length))}${fit(place, Math.min(width, place.length))}\u001b[0m`,
    `${bold(fit(`Who is in (${size})`, left))} │ ${bold(fit('Chat', right))}`,
  ]
  for (let i = 0; i < middle; i++) {
    const words = said[i - (middle - said.length)] ?? ''
    lines.push(`${fit(shown[i] ?? '', left)} │ ${fit(words, right)}`)
  }
  lines.push(bold(fit('What happened', width)))
  const news = last(of.news, below)
  for (let i = 0; i < below; i++) {
    const one = news[i]
    const text = fit(one === undefined ? '' : `${hour(one.at)} ${one.says}`, width)
    lines.push(one?.isRight === true ? yellow(text) : text)
  }
  const note = of.note ?? incomplete(moment.unread)
  lines.push(note === null ? ' '.repeat(width) : yellow(fit(note, width)))
  lines.push(
    of.prompt === null
      ? dim(fit('space pause · → step · ← back · g go to a time · + faster · - slower · q quit', width))
      : fit(`Go to (time, hh:mm or a position): ${of.prompt}▏`, width),
  )
  return lines
}
