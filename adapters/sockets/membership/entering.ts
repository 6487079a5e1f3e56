/** A session enters its room: it gets the state first, then what it missed, and from then on the room's news. */
import { type RoomKey, roomKey } from '../../../domain/names.ts'
import type { Clock, EventLog } from '../../../domain/ports.ts'
import { accessOf } from '../../../domain/space/access.ts'
import { userOf } from '../../../projections/live/wire.ts'
import { type Logger, reasonOf } from '../../observing.ts'
import { type SharedTail, sharedTail } from '../frames.ts'
import { type EntrySnapshot, listenIn } from '../live-space.ts'
import type { Member } from '../member.ts'
import { sendInPages } from '../pages.ts'
import { missedNews, type Revisions } from '../resume.ts'
import type { Scenes } from '../scene/scenes.ts'
import type { Sending } from '../sending.ts'
import { createSharedReads } from '../shared-reads.ts'
import { type Ending, hush } from './ending.ts'
import type { MemberSession } from './session.ts'

/** How many packets and bytes are kept for a client that is still reading what it missed. */
const MAX_HELD = 10_000
const MAX_HELD_BYTES = 1 << 20

export type Enter = (member: Member, session: MemberSession, snapshot: EntrySnapshot) => void

/** Oneself, who may not be on the first page. */
const selfIn = ({ state }: EntrySnapshot, sessionId: string) => {
  const session = state.sessions.get(sessionId)
  return session === undefined ? null : userOf(session)
}

/** The start of `space-joined`, up to the part that is the same for everybody who enters. */
const joinedStart = (
  member: Member,
  session: MemberSession,
  snapshot: EntrySnapshot,
  said: {
    readonly resumed: boolean
    readonly token: string | null
    readonly at: number
    readonly hasSfu: boolean
  },
): string => {
  const { caller } = member
  const { space } = session.hold.live
  const now = new Date(said.at).toISOString()
  const access = accessOf(snapshot.state, caller, session.facts, now)
  const head = {
    success: true,
    spaceType: space.type,
    spaceId: space.id,
    subspace: snapshot.subspace,
    sessionId: session.sessionId,
    identity: {
      kind: caller.kind,
      id: caller.id,
      verified: caller.kind === 'account',
      ...(caller.kind === 'guest' && caller.claimed !== undefined ? { claimed: caller.claimed } : {}),
    },
    ...(said.token === null ? {} : { session_token: said.token }),
    // Everybody who is in has access, even if the space is public.
    permission: access.role ?? 'access',
    revisions: { space: String(snapshot.revisions.space), chat: String(snapshot.revisions.chat) },
    position: String(snapshot.position),
    resumed: said.resumed,
    ...(member.isPaged ? { self: selfIn(snapshot, session.sessionId) } : {}),
    voice_relay: said.hasSfu,
    timestamp: now,
  }
  return `2["space-joined",${JSON.stringify(head).slice(0, -1)},`
}

export const createEntering = (deps: {
  readonly tokenFor: (member: Member) => string | null
  readonly log: EventLog
  /** Whether there is an SFU for large rooms. */
  readonly hasSfu: boolean
  readonly sending: Sending
  readonly scenes: Pick<Scenes, 'entered' | 'catchUp'>
  readonly ending: Ending
  readonly clock: Clock
  readonly logger: Logger
}): Enter => {
  const { sending, ending, clock, logger } = deps
  const tails = {
    all: new WeakMap<EntrySnapshot, SharedTail>(),
    paged: new WeakMap<EntrySnapshot, SharedTail>(),
  }
  const reads = createSharedReads(deps.log)

  const tailOf = (snapshot: EntrySnapshot, isPaged: boolean): SharedTail => {
    const known = isPaged ? tails.paged : tails.all
    let tail = known.get(snapshot)
    if (tail === undefined) {
      tail = sharedTail(`${isPaged ? snapshot.sharedFirst() : snapshot.shared()}}]`)
      known.set(snapshot, tail)
    }
    return tail
  }

  /** Delays the room's news until what was missed before it has been read and sent. */
  const resume = (
    room: RoomKey,
    session: MemberSession,
    missing: { readonly member: Member; readonly since: Revisions; readonly snapshot: EntrySnapshot },
    start: (resumed: boolean) => string,
  ): void => {
    const { member, since, snapshot } = missing
    const { live } = session.hold
    const { line } = member
    const tail = tailOf(snapshot, session.isPaged)
    const held: string[] = []
    let heldBytes = 0
    const stop = sending.listen(
      room,
      (packets) => {
        for (const packet of packets) {
          held.push(packet)
          heldBytes += packet.length
        }
        if (held.length > MAX_HELD || heldBytes > MAX_HELD_BYTES) line.sendElsewhere()
      },
      session.isPaged,
    )
    session.stopListening = stop
    const [fresh, resumed] = [start(false), start(true)]
    const until = snapshot.revisions
    const sessions = new Map(snapshot.state.sessions)
    const { subspace } = snapshot
    missedNews(reads, { subject: member.caller.id, space: live.space, subspace, since, until, sessions })
      .catch((error) => {
        logger.warn({ space: live.key, error: reasonOf(error) }, 'what a client missed could not be read')
        return null
      })
      .then(async (missed) => {
        const goesOn = () => session.stopListening === stop
        // The session has arrived, however long the client takes to read.
        const onWait = () => session.arrived('entered')
        if (!goesOn()) return
        line.entered(missed === null ? fresh : resumed, tail)
        if (missed !== null && !(await sendInPages(line, missed, { goesOn, onWait }))) return
        if (!goesOn()) return
        line.packets(held)
        stop()
        session.stopListening = null
        sending.page(room, line.id, session.isPaged)
        line.join(room)
        session.unpack = deps.scenes.entered(member, room)
        // Movements in the meantime were sent only to members who were in already.
        deps.scenes.catchUp(member)
        session.arrived('entered')
      })
      .catch((error) => logger.error({ error: reasonOf(error) }, 'what a client missed could not be sent'))
  }

  const enter: Enter = (member: Member, session: MemberSession, snapshot: EntrySnapshot): void => {
    const { live } = session.hold
    const { line } = member
    const room: RoomKey = roomKey(live.space, snapshot.subspace)
    const tail = tailOf(snapshot, member.isPaged)
    // Only now does it leave the previous space: until here, a refusal leaves it where it was.
    const before = member.place as MemberSession | null
    if (before !== null && before !== session) void ending.leaveNow(member, before, 'left')
    hush(member, session)
    session.subspace = snapshot.subspace
    session.room = room
    session.isPaged = member.isPaged
    listenIn(live, snapshot.subspace, session.isPaged)
    member.place = session
    const { since } = session
    const token = deps.tokenFor(member)
    const start = (resumed: boolean) =>
      joinedStart(member, session, snapshot, { resumed, token, at: clock.now(), hasSfu: deps.hasSfu })
    if (since === null) {
      line.entered(start(false), tail)
      sending.page(room, line.id, session.isPaged)
      line.join(room)
      session.unpack = deps.scenes.entered(member, room)
      session.arrived('entered')
      return
    }
    resume(room, session, { member, since, snapshot }, start)
  }

  return enter
}
