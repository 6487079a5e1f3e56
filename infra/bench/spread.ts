/** What was measured several times: the median, and between what it lay. */

export type Spread = { readonly median: number; readonly least: number; readonly most: number }

/** Null where nothing was measured: a figure is never made of nothing. */
export const spreadOf = (values: ReadonlyArray<number>): Spread | null => {
  const sorted = values.filter(Number.isFinite).sort((a, b) => a - b)
  const [least, most] = [sorted[0], sorted.at(-1)]
  return least === undefined || most === undefined
    ? null
    : { median: sorted[sorted.length >> 1]!, least, most }
}

/** `2.1 (1.9–2.4) ms`; where there was nothing, that. */
export const told = (spread: Spread | null, unit = 'ms', digits = 1): string => {
  if (spread === null) return 'not measured'
  const { median, least, most } = spread
  const [low, middle, high] = [least, median, most].map((value) => value.toFixed(digits))
  return low === high ? `${middle} ${unit}` : `${middle} (${low}–${high}) ${unit}`
}
