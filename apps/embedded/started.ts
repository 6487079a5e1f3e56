/** What was started so far, to be stopped in order: the last started first, all of it once. */

export type Started = ReturnType<typeof createStarted>

type Part = { readonly stop: () => Promise<void> }

export const createStarted = ({
  say,
  onStop,
  afterwards,
}: {
  readonly say: (line: string) => void
  /** Called before the first part is stopped, and after the last. */
  readonly onStop: () => void
  readonly afterwards: () => void
}) => {
  const parts: Array<Part & { readonly name: string }> = []
  let stopping: Promise<void> | null = null

  const stopAll = async (): Promise<void> => {
    onStop()
    for (const part of parts.toReversed())
      await part.stop().catch((error: Error) => say(`${part.name} did not stop: ${error.message}`))
    afterwards()
  }

  return {
    isStopping: (): boolean => stopping !== null,
    keep: <A extends Part>(name: string, part: A): A => {
      parts.push({ name, stop: part.stop })
      return part
    },
    stop: (): Promise<void> => {
      stopping ??= stopAll()
      return stopping
    },
  }
}
