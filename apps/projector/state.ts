/** The state that a projector reports: whether it leads, and how far it is. */

export type ProjectorState = {
  /** `standby` waits for another to stop leading; `waiting` for the log or Postgres to come back. */
  readonly role: 'starting' | 'standby' | 'leading' | 'waiting' | 'stopped'
  readonly since: Date
  /** The last position committed, null before the first. */
  readonly position: bigint | null
  readonly epoch: bigint | null
  /** The last position that the subscription delivered. */
  readonly seen: bigint | null
  /** Since when received events are not committed; null if all are. */
  readonly behindSince: Date | null
  /** How many events were delivered and not committed yet. */
  readonly pending: number
  readonly caughtUp: boolean
  readonly events: number
  readonly batches: number
  readonly parkedStreams: number
  readonly lastError: string | null
  /** A sentence if the tables were made from another log: it waits for a rebuild. */
  readonly otherLog: string | null
}

export type StateKeeper = ReturnType<typeof createState>

export const createState = () => {
  let state: ProjectorState = {
    role: 'starting',
    since: new Date(),
    position: null,
    epoch: null,
    seen: null,
    behindSince: null,
    pending: 0,
    caughtUp: false,
    events: 0,
    batches: 0,
    parkedStreams: 0,
    lastError: null,
    otherLog: null,
  }

  const set = (to: Partial<ProjectorState>): void => {
    state = {
      ...state,
      ...to,
      ...(to.role !== undefined && to.role !== state.role ? { since: new Date() } : {}),
    }
  }

  return {
    now: (): ProjectorState => state,
    set,

    /** Called when it takes the lead. */
    leads: (position: bigint | null, epoch: bigint, parkedStreams: number): void =>
      set({ role: 'leading', otherLog: null, position, epoch, parkedStreams, pending: 0, caughtUp: false }),

    /** Called when the subscription delivered this many events, up to that position. */
    given: (events: number, seen: bigint | null): void =>
      set({
        seen,
        pending: events,
        behindSince: events > 0 ? (state.behindSince ?? new Date()) : state.behindSince,
      }),

    /** Called when this many of them are committed. */
    applied: (events: number, position: bigint | null, parkedStreams: number): void => {
      const left = state.pending - events
      set({
        position,
        events: state.events + events,
        batches: state.batches + 1,
        pending: left,
        behindSince: left > 0 ? state.behindSince : null,
        parkedStreams,
      })
    },
  }
}
