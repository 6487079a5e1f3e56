/** Charts as SVG: lines over figures, with what they are held against. */

export type Series = {
  readonly name: string
  /** `low` and `high`: between what it lay. */
  readonly points: ReadonlyArray<{
    readonly x: number
    readonly y: number
    readonly low?: number
    readonly high?: number
  }>
}
export type Chart = {
  readonly title: string
  readonly x: string
  readonly y: string
  /** Whose steps are times, not sums. */
  readonly isLogX?: boolean
  readonly isLogY?: boolean
  readonly goals?: ReadonlyArray<{ readonly name: string; readonly y: number }>
  readonly series: ReadonlyArray<Series>
}

const [WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM] = [720, 360, 64, 170, 40, 48]
const COLOURS = ['#1d4ed8', '#c2410c', '#15803d', '#7e22ce', '#0f766e', '#a16207']

const escaped = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
const text = (x: number, y: number, said: string, more = ''): string =>
  `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}"${more === '' ? '' : ` ${more}`}>${escaped(said)}</text>`
const short = (value: number): string =>
  value >= 1_000
    ? value.toLocaleString('en', { maximumFractionDigits: 0 })
    : String(Number(value.toPrecision(3)))

/** From 1, 2 and 5 times the powers of ten, as many as fit. */
const ticksOf = (least: number, most: number, isLog: boolean): ReadonlyArray<number> => {
  if (isLog) {
    const ticks: number[] = []
    for (let power = Math.floor(Math.log10(least)); power <= Math.ceil(Math.log10(most)); power += 1)
      for (const step of most / least > 1_000 ? [1] : [1, 2, 5]) {
        const tick = step * 10 ** power
        if (tick >= least * 0.999 && tick <= most * 1.001) ticks.push(tick)
      }
    return ticks
  }
  const rough = (most - least) / 5
  const power = 10 ** Math.floor(Math.log10(rough))
  const step = [1, 2, 5, 10].map((one) => one * power).find((one) => one >= rough) ?? rough
  const ticks: number[] = []
  for (let tick = Math.ceil(least / step) * step; tick <= most * 1.001; tick += step) ticks.push(tick)
  return ticks
}

type Scale = (value: number) => number
const scaleOf = (
  least: number,
  most: number,
  [from, to]: readonly [number, number],
  isLog: boolean,
): Scale => {
  const of = isLog ? Math.log10 : (value: number) => value
  const span = of(most) - of(least) || 1
  return (value) => from + ((to - from) * (of(value) - of(least))) / span
}

const LINE = 13
/** How far down the name of each series stands: beside its last point, and below the one above where they would meet. */
const namesApart = (ends: ReadonlyArray<number>): ReadonlyArray<number> => {
  const placed = new Map<number, number>()
  let above = Number.NEGATIVE_INFINITY
  for (const [end, i] of ends.map((end, i) => [end, i] as const).sort(([a], [b]) => a - b)) {
    above = Math.max(end, above + LINE)
    placed.set(i, above)
  }
  return ends.map((end, i) => placed.get(i) ?? end)
}

type Drawn = { readonly colour: string; readonly nameAt: number; readonly x: Scale; readonly y: Scale }
const seriesInSvg = ({ name, points }: Series, { colour, nameAt, x, y }: Drawn): string => {
  const at = points.map((point) => `${x(point.x).toFixed(1)},${y(point.y).toFixed(1)}`)
  const end = points.at(-1)!
  return [
    `<polyline points="${at.join(' ')}" fill="none" stroke="${colour}" stroke-width="2"/>`,
    ...points.flatMap((point) => {
      const [across, down] = [x(point.x).toFixed(1), y(point.y).toFixed(1)]
      const range =
        point.low === undefined || point.high === undefined
          ? []
          : [
              `<path d="M${across} ${y(point.low).toFixed(1)}V${y(point.high).toFixed(1)}" stroke="${colour}" stroke-width="5" opacity=".3"/>`,
            ]
      return [...range, `<circle cx="${across}" cy="${down}" r="3" fill="${colour}"/>`]
    }),
    text(x(end.x) + 8, nameAt + 4, `${name} ${short(end.y)}`, `fill="${colour}"`),
  ].join('\n')
}

/** Several charts as one picture, two beside each other. */
export const chartsTogether = (charts: ReadonlyArray<string>): string => {
  const rows = Math.ceil(charts.length / 2)
  const placed = charts.map((chart, i) =>
    chart
      .trimEnd()
      .replace(
        '<svg ',
        `<svg x="${(i % 2) * WIDTH}" y="${(i >> 1) * HEIGHT}" width="${WIDTH}" height="${HEIGHT}" `,
      ),
  )
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${2 * WIDTH} ${rows * HEIGHT}">
${placed.join('\n')}
</svg>
`
}

/** Null where there is nothing to draw. */
export const chartInSvg = (chart: Chart): string | null => {
  const series = chart.series.filter(({ points }) => points.length > 0)
  const all = series.flatMap(({ points }) => points)
  if (all.length === 0) return null
  const goals = chart.goals ?? []
  const heights = [...all.flatMap(({ y, low, high }) => [y, low ?? y, high ?? y]), ...goals.map(({ y }) => y)]
  const [isLogX, isLogY] = [chart.isLogX === true, chart.isLogY === true]
  const xs = all.map(({ x }) => x)
  const [left, right] = [Math.min(...xs), Math.max(...xs)]
  const highest = Math.max(...heights) * 1.05
  const lowest = isLogY ? Math.max(1e-3, Math.min(...heights)) / 1.2 : 0
  const x = scaleOf(left, right, [LEFT, WIDTH - RIGHT], isLogX)
  const y = scaleOf(lowest, highest, [HEIGHT - BOTTOM, TOP], isLogY)
  const names = namesApart(series.map(({ points }) => y(points.at(-1)!.y)))
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="sans-serif" font-size="11">
<rect width="${WIDTH}" height="${HEIGHT}" fill="#fff"/>
${text(LEFT, 22, chart.title, 'font-size="14"')}
<path d="M${LEFT} ${TOP}V${HEIGHT - BOTTOM}H${WIDTH - RIGHT}" fill="none" stroke="#333"/>
${[...new Set(isLogX || xs.length > 8 ? ticksOf(left, right, isLogX) : xs)].map((tick) => text(x(tick), HEIGHT - BOTTOM + 16, short(tick), 'text-anchor="middle"')).join('\n')}
${text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 12, chart.x, 'text-anchor="middle" fill="#555"')}
${ticksOf(lowest, highest, isLogY)
  .map((tick) => text(LEFT - 6, y(tick) + 4, short(tick), 'text-anchor="end"'))
  .join('\n')}
${text(LEFT - 40, TOP - 8, chart.y, 'fill="#555"')}
${goals.map(({ name, y: goal }) => `<line x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${y(goal).toFixed(1)}" y2="${y(goal).toFixed(1)}" stroke="#999" stroke-dasharray="4 4"/>${text(LEFT + 4, y(goal) - 4, name, 'fill="#777"')}`).join('\n')}
${series.map((one, i) => seriesInSvg(one, { colour: COLOURS[i % COLOURS.length]!, nameAt: names[i]!, x, y })).join('\n')}
</svg>
`
}
