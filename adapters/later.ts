/** A part that is made after those that call it. The circle between them is then in plain sight, and a call that comes too early
 *  says so. */
export type Later<T> = { readonly is: (part: T) => void; readonly get: () => T }

/** `name`: of the part, for the error. */
export const later = <T>(name: string): Later<T> => {
  let made: { readonly part: T } | null = null
  return {
    is: (part) => {
      made = { part }
    },
    get: () => {
      if (made === null) throw new Error(`The ${name} was called before it was made.`)
      return made.part
    },
  }
}
