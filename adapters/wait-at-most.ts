/** Waits for it, but no longer than this many milliseconds; rejects with its error. */
export const waitAtMost = async (ms: number, what: Promise<unknown>): Promise<void> => {
  let late: NodeJS.Timeout | undefined
  const end = new Promise<void>((resolve) => {
    late = setTimeout(resolve, ms)
  })
  try {
    await Promise.race([what, end])
  } finally {
    clearTimeout(late)
  }
}
