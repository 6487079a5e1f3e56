/** A chart of how long it takes to answer for a room's moments, by the room's age: as text, and as SVG. */

export type AgePoint = { readonly age: number; readonly p50: number; readonly p99: number }

const TITLE = 'the room at any moment, by its age in events'

export const chartInText = (points: ReadonlyArray<AgePoint>): string => {
  const most = Math.max(...points.map(({ p99 }) => p99))
  const bar = (ms: number, sign: string) => sign.repeat(Math.max(1, Math.round((50 * ms) / most)))
  const lines = points.flatMap(({ age, p50, p99 }) => [
    `${age.toLocaleString('en').padStart(9)}  ${bar(p50, '█')} ${p50.toFixed(1)} ms`,
    `${' '.repeat(9)}  ${bar(p99, '▒')} ${p99.toFixed(1)} ms`,
  ])
  return [`${TITLE} (█ p50, ▒ p99)`, ...lines].join('\n')
}

const [WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM] = [640, 360, 56, 84, 44, 40]

/** The age is on a logarithmic scale, the milliseconds are on a linear one from 0. */
export const chartInSvg = (points: ReadonlyArray<AgePoint>): string => {
  const ages = points.map(({ age }) => Math.log10(age))
  const [first, last] = [Math.min(...ages), Math.max(...ages)]
  const highest = Math.max(160, ...points.map(({ p99 }) => p99)) * 1.05
  const x = (age: number): number =>
    LEFT + ((WIDTH - LEFT - RIGHT) * (Math.log10(age) - first)) / Math.max(1e-9, last - first)
  const y = (ms: number): number => HEIGHT - BOTTOM - ((HEIGHT - TOP - BOTTOM) * ms) / highest
  const text = (at: number, down: number, said: string, more = ''): string =>
    `<text x="${at.toFixed(1)}" y="${down.toFixed(1)}" ${more}>${said}</text>`
  const line = (name: 'p50' | 'p99', colour: string): string => {
    const places = points.map((point) => `${x(point.age).toFixed(1)},${y(point[name]).toFixed(1)}`)
    const end = points.at(-1)
    return [
      `<polyline points="${places.join(' ')}" fill="none" stroke="${colour}" stroke-width="2"/>`,
      ...points.map(
        (point) =>
          `<circle cx="${x(point.age).toFixed(1)}" cy="${y(point[name]).toFixed(1)}" r="3" fill="${colour}"/>`,
      ),
      end === undefined
        ? ''
        : text(x(end.age) + 8, y(end[name]) + 4, `${name} ${end[name].toFixed(1)} ms`, `fill="${colour}"`),
    ].join('\n')
  }
  const goal = (ms: number, name: string): string =>
    `<line x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${y(ms)}" y2="${y(ms)}" stroke="#999" stroke-dasharray="4 4"/>${text(LEFT + 4, y(ms) - 4, name, 'fill="#777"')}`
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="sans-serif" font-size="11">
<rect width="${WIDTH}" height="${HEIGHT}" fill="#fff"/>
${text(LEFT, 22, TITLE, 'font-size="14"')}
<path d="M${LEFT} ${TOP}V${HEIGHT - BOTTOM}H${WIDTH - RIGHT}" fill="none" stroke="#333"/>
${points.map(({ age }) => text(x(age), HEIGHT - BOTTOM + 16, age.toLocaleString('en'), 'text-anchor="middle"')).join('\n')}
${[0, 50, 100, 150].map((ms) => text(LEFT - 6, y(ms) + 4, `${ms} ms`, 'text-anchor="end"')).join('\n')}
${goal(50, 'goal for p50')}
${goal(150, 'goal for p99')}
${line('p99', '#c2410c')}
${line('p50', '#1d4ed8')}
</svg>
`
}
