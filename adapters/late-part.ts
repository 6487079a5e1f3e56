/** A part that is created after the parts that call it. The circular dependency is then plain to see, and a call that
 *  comes too early says so. */
export type LatePart<T> = { readonly is: (part: T) => void; readonly get: () => T }

/** `name`: the part's name, for the error. */
export const latePart = <T>(name: string): LatePart<T> => {
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
