/** In order in each room, several rooms at once: a room whose delivery fails waits, and holds up no other until too much waits. */

export type Parcelled = { readonly room: string; readonly position: bigint }

/** Rooms that are delivered to at once, and events that wait or are under way: so many may come double after a crash. */
const ROOMS = 8
const WAITING = 64

export type Lanes<A extends Parcelled> = {
  /** Takes the next, in the log's order; waits while too much waits. */
  readonly push: (item: A) => Promise<void>
  /** Waits until all that was taken is delivered. */
  readonly drained: () => Promise<void>
}

/** `deliver` brings one to its end, and rejects where nothing more is to be delivered. `onDelivered`: everything up to there is. */
export const createLanes = <A extends Parcelled>(
  deliver: (item: A) => Promise<void>,
  onDelivered: (upTo: bigint, count: number) => void,
): Lanes<A> => {
  const lanes = new Map<string, A[]>()
  /** All that was taken and is not told of yet, in order. */
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
