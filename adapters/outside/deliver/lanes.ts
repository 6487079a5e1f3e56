/** Delivers in order within each room, and to several rooms at once: a room whose delivery fails waits, and delays no
 *  other until too much waits. */

export type Parcelled = { readonly room: string; readonly position: bigint }

/** How many rooms are delivered to at once, and how many events wait or are under way: this many may be sent twice after a crash. */
const ROOMS = 8
const WAITING = 64

export type Lanes<A extends Parcelled> = {
  /** Takes the next one, in the log's order; while too many wait, it waits itself. */
  readonly push: (item: A) => Promise<void>
  /** Waits until everything that was taken is delivered. */
  readonly drained: () => Promise<void>
}

/** `deliver` resolves when one is done, and rejects if nothing more is to be delivered. `onDelivered`: everything up to there is done. */
export const createLanes = <A extends Parcelled>(
  deliver: (item: A) => Promise<void>,
  onDelivered: (upTo: bigint, count: number) => void,
): Lanes<A> => {
  const lanes = new Map<string, A[]>()
  /** Everything that was taken and not yet reported by `onDelivered`, in order. */
  const order: { readonly position: bigint; isDone: boolean }[] = []
  let atWork = 0
  let failed: { readonly error: unknown } | null = null
  let wake: Array<() => void> = []
  const changed = (): void => {
    const waiting = wake
    wake = []
    for (const resume of waiting) resume()
  }
  const until = async (holds: () => boolean): Promise<void> => {
    while (failed === null && !holds()) await new Promise<void>((resolve) => wake.push(resolve))
    if (failed !== null) throw failed.error
  }

  const tell = (): void => {
    let count = 0
    let upTo: bigint | null = null
    while (order[0]?.isDone === true) {
      upTo = order.shift()!.position
      count += 1
    }
    if (upTo !== null) onDelivered(upTo, count)
  }
  const work = async (room: string, lane: A[]): Promise<void> => {
    await until(() => atWork < ROOMS)
    atWork += 1
    try {
      for (let item = lane[0]; item !== undefined && failed === null; item = lane[0]) {
        const { position } = item
        await deliver(item)
        lane.shift()
        order.find((one) => one.position === position)!.isDone = true
        tell()
        changed()
      }
      if (lane.length === 0) lanes.delete(room)
    } catch (error) {
      failed ??= { error }
    } finally {
      atWork -= 1
      changed()
    }
  }

  return {
    push: async (item) => {
      await until(() => order.length < WAITING)
      order.push({ position: item.position, isDone: false })
      const lane = lanes.get(item.room)
      if (lane !== undefined) {
        lane.push(item)
        return
      }
      const fresh = [item]
      lanes.set(item.room, fresh)
      void work(item.room, fresh).catch(() => {})
    },
    drained: () => until(() => order.length === 0),
  }
}
