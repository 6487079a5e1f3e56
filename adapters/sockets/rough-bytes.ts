/** About how many bytes a value of JSON takes in memory: its texts, and a little for each part. */
const PART = 16

export const roughBytes = (value: unknown): number => {
  if (typeof value === 'string') return PART + 2 * value.length
  if (typeof value !== 'object' || value === null) return PART
  let sum = PART
  for (const part of Object.values(value)) sum += roughBytes(part)
  return sum
}
