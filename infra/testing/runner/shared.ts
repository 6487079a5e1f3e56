/** What the test files of one process use one after the other, such as a browser. A file that runs alone has its own. */

type Shared = { readonly end: () => Promise<void> }

let outlivesFiles = false
const started = new Map<string, Promise<Shared>>()

/** Said by a process of several files before the first: what they share ends with `endShared`, and not with its file. */
export const shareAmongFiles = (): void => {
  outlivesFiles = true
}

export const endShared = async (): Promise<void> => {
  const all = [...started.values()]
  started.clear()
  for (const one of await Promise.allSettled(all)) if (one.status === 'fulfilled') await one.value.end()
}

/**
 * What another file of this process started under the key, or a new one.
 * @param isWell whether it can still be used: one that has ended, or lost its connection, is started anew.
 * @returns it, and `leave` for when its user needs it no more.
 */
export const shared = async <T extends Shared>(
  key: string,
  start: () => Promise<T>,
  isWell: (it: T) => boolean,
): Promise<{ readonly it: T; readonly leave: () => Promise<void> }> => {
  if (!outlivesFiles) {
    const it = await start()
    return { it, leave: it.end }
  }
  for (let known = started.get(key); known !== undefined; known = started.get(key)) {
    const it = (await known.catch(() => null)) as T | null
    if (it !== null && isWell(it)) return { it, leave: async () => {} }
    if (started.get(key) !== known) continue
    started.delete(key)
    await it?.end().catch(() => {})
  }
  const fresh = start()
  started.set(key, fresh)
  return { it: await fresh, leave: async () => {} }
}
