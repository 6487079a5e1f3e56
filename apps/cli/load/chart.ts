/** A chart of how long messages take to arrive, by how many are sent: a picture for people, besides the JSON. */

export type Step = {
  /** How many messages a second were requested, and how many were accepted. */
  readonly asked: number
  readonly said: number
  /** Milliseconds from sending to receiving. Null if nothing was received. */
  readonly p50: number | null
  readonly p99: number | null
  readonly max: number | null
  readonly heard: number
  /** How many deliveries did not arrive, of those that should have. */
  readonly missed: number
  /** Counts of refusals by their code. */
  readonly refused: Readonly<Record<string, number>>
}

const [WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM] = [680, 380, 64, 96, 64, 48]
const escaped = (text: string): string => text.replace(/[<>&"]/g, (c) => `&#${c.charCodeAt(0)};`)
const shown = (value: number): string =>
  value.toLocaleString('en', { maximumFractionDigits: value < 10 ? 1 : 0 })

/** Round numbers up to just above `highest`. */
const marksUpTo = (highest: number): ReadonlyArray<number> => {
  const rough = highest / 4
  const power = 10 ** Math.floor(Math.log10(rough))
  const step = [1, 2, 5, 10].map((n) => n * power).find((n) => n >= rough) ?? rough
  return Array.from({ length: Math.floor(highest / step) + 1 }, (_, i) => i * step)
}

export const chartOf = (title: string, subtitle: string, steps: ReadonlyArray<Step>): string => {
  const known = steps.filter(({ p99 }) => p99 !== null)
  const [most, longest] = [
    Math.max(1, ...known.map(({ said }) => said)) * 1.05,
    Math.max(1, ...known.map(({ p99 }) => p99 ?? 0)) * 1.1,
  ]
  const x = (rate: number): number => LEFT + ((WIDTH - LEFT - RIGHT) * rate) / most
  const y = (ms: number): number => HEIGHT - BOTTOM - ((HEIGHT - TOP - BOTTOM) * ms) / longest
  const text = (at: number, down: number, said: string, more = ''): string =>
    `<text x="${at.toFixed(1)}" y="${down.toFixed(1)}" ${more}>${escaped(said)}</text>`
  const line = (name: 'p50' | 'p99', colour: string): string => {
    const points = known.map((step) => [x(step.said), y(step[name] ?? 0)] as const)
    const [lastX = LEFT, lastY = HEIGHT - BOTTOM] = points.at(-1) ?? []
    const last = known.at(-1)?.[name]
    return [
      `<polyline points="${points.map((at) => at.map((n) => n.toFixed(1)).join(',')).join(' ')}" fill="none" stroke="${colour}" stroke-width="2"/>`,
      ...points.map(
        ([cx, cy]) => `<circle cx="${cx.toFixed(1)}" cy="${cy.toFixed(1)}" r="3" fill="${colour}"/>`,
      ),
      last === null || last === undefined
        ? ''
        : text(lastX + 8, lastY + 4, `${name} ${shown(last)} ms`, `fill="${colour}"`),
    ].join('\n')
  }
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="sans-serif" font-size="11" role="img">
<title>${escaped(title)}</title>
<rect width="${WIDTH}" height="${HEIGHT}" fill="#fff"/>
${text(LEFT, 24, title, 'font-size="15"')}
${text(LEFT, 42, subtitle, 'fill="#555"')}
${marksUpTo(longest)
  .map(
    (ms) =>
      `<line x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${y(ms).toFixed(1)}" y2="${y(ms).toFixed(1)}" stroke="#eee"/>${text(LEFT - 6, y(ms) + 4, `${shown(ms)} ms`, 'text-anchor="end" fill="#555"')}`,
  )
  .join('\n')}
<path d="M${LEFT} ${TOP}V${HEIGHT - BOTTOM}H${WIDTH - RIGHT}" fill="none" stroke="#333"/>
${marksUpTo(most)
  .map((rate) => text(x(rate), HEIGHT - BOTTOM + 16, shown(rate), 'text-anchor="middle" fill="#555"'))
  .join('\n')}
${text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 10, 'messages a second', 'text-anchor="middle" fill="#555"')}
${line('p99', '#c2410c')}
${line('p50', '#1d4ed8')}
</svg>
`
}
