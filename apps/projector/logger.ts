/** The type of the projector's logger. */

/** Structured: a sentence and what it is about. */
export type ProjectorLogger = {
  readonly info: (fields: Readonly<Record<string, unknown>>, message: string) => void
  readonly warn: (fields: Readonly<Record<string, unknown>>, message: string) => void
  readonly error: (fields: Readonly<Record<string, unknown>>, message: string) => void
}
export const silent: ProjectorLogger = { info: () => {}, warn: () => {}, error: () => {} }
