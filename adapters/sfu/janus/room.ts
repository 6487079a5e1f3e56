/** One room of Janus's videoroom plugin as this process knows it: who publishes there, and the voices of the members here,
 *  each with a connection to send over and one to hear everybody else on. */
import type { Participant, SfuReport, ToClient } from '../sfu.ts'
import { JanusError, type JanusLine, type JanusMessage, type Jsep, type PluginNews } from './line.ts'

/** Janus: the room exists already; this id is taken; there is no such feed. */
const ROOM_EXISTS = 427
const ID_EXISTS = 436
const NO_FEED = 428
/** How long (ms) a client may take to answer an offer before it is offered everything anew. */
const ANSWER_MS = 10_000
const AGAIN_MS = 100
const TRIES = 20
/** The participants through which processes watch a room. */
const WATCH = 'watch:'

export type RoomDeps = {
  readonly line: JanusLine
  readonly boot: string
  readonly onReport: (report: SfuReport) => void
}

type Member = {
  readonly who: Participant
  readonly tell: ToClient
  maySpeak: boolean
  /** Handles; null while there is none. */
  speaking: number | null
  hearing: number | null
  /** Its next offer is the first over `hearing`: the client begins a connection for it. */
  isFresh: boolean
  /** Whose voices it was offered, by session id, and that still come. */
  readonly offered: Set<string>
  /** It has an offer that it has not answered. */
  late: NodeJS.Timeout | null
  isGone: boolean
  turn: Promise<unknown>
}

const listIn = (data: JanusMessage, name: string): ReadonlyArray<JanusMessage> =>
  Array.isArray(data[name]) ? (data[name] as ReadonlyArray<JanusMessage>) : []

export class JanusRoom {
  readonly #deps: RoomDeps
  readonly #name: string
  readonly #publishers = new Set<string>()
  readonly #members = new Map<string, Member>()
  #watch: Promise<number> | null = null

  constructor(name: string, deps: RoomDeps) {
    this.#name = name
    this.#deps = deps
  }

  async enter(who: Participant, maySpeak: boolean, tell: ToClient): Promise<void> {
    await this.#watched()
    await this.remove(who.sessionId)
    const fresh = { speaking: null, hearing: null, isFresh: false, offered: new Set<string>(), late: null }
    const member: Member = { who, tell, maySpeak, ...fresh, isGone: false, turn: Promise.resolve() }
    this.#members.set(who.sessionId, member)
  }
  async maySpeak(sessionId: string, may: boolean): Promise<void> {
    const member = this.#members.get(sessionId)
    if (member === undefined) return
    member.maySpeak = may
    if (!may) await this.#hush(member)
  }
  /** A member who is not of this process is kicked by its id. */
  async remove(sessionId: string): Promise<void> {
    const member = this.#members.get(sessionId)
    if (member === undefined) {
      if (!this.#publishers.has(sessionId)) return
      const watch = await this.#watched()
      await this.#deps.line.send(watch, { request: 'kick', room: this.#name, id: sessionId }).catch(() => {})
      return
    }
    this.#members.delete(sessionId)
    member.isGone = true
    if (member.late !== null) clearTimeout(member.late)
    const { hearing } = member
    await Promise.all([
      this.#hush(member),
      hearing === null ? null : this.#deps.line.detach(hearing).catch(() => {}),
    ])
  }
  async close(): Promise<void> {
    const watch = this.#watch
    await Promise.all([...this.#members.keys()].map((sessionId) => this.remove(sessionId)))
    if (watch === null) return
    await this.#deps.line.send(await watch, { request: 'destroy', room: this.#name }).catch(() => {})
    await this.#deps.line.detach(await watch).catch(() => {})
    this.#watch = null
    this.#publishers.clear()
  }
  /** Its handles are gone with Janus's session: nothing more is to be asked for its members. */
  lost(): void {
    for (const member of this.#members.values()) {
      member.isGone = true
      if (member.late !== null) clearTimeout(member.late)
      member.late = null
    }
    this.#members.clear()
  }
  has(sessionId: string): boolean {
    return this.#members.has(sessionId)
  }

  /** Answers the offer of a member who speaks. Null: they may not, or are not here. */
  publish(sessionId: string, sdp: string): Promise<string | null> {
    const member = this.#members.get(sessionId)
    if (member === undefined) return Promise.resolve(null)
    return this.#inTurn(member, async () => {
      await this.#hush(member)
      const { line } = this.#deps
      const handle = await line.attach((told) => {
        if (told === 'gone' && member.speaking === handle) void this.#hush(member)
      })
      member.speaking = handle
      for (let tried = 1; ; tried++)
        try {
          // Looked at last: the right may have been taken in the meantime.
          if (!member.maySpeak || member.isGone) {
            await this.#hush(member)
            return null
          }
          const body = { request: 'joinandconfigure', ptype: 'publisher', room: this.#name, id: sessionId }
          const { jsep } = await line.send(handle, body, { type: 'offer', sdp })
          if (!member.maySpeak || member.isGone) {
            await this.#hush(member)
            return null
          }
          this.#deps.onReport({ ...member.who, what: 'published' })
          return jsep?.sdp ?? null
        } catch (error) {
          // The earlier connection of the same session is still being taken down.
          const isPassing = error instanceof JanusError && error.code === ID_EXISTS && tried < TRIES
          if (!isPassing) {
            await this.#hush(member)
            throw error
          }
          await new Promise((resolve) => setTimeout(resolve, AGAIN_MS))
        }
    })
  }
  /** The client has its end ready, or wants everything anew. */
  hear(sessionId: string, isFresh: boolean): void {
    const member = this.#members.get(sessionId)
    if (member === undefined) return
    if (isFresh) void this.#inTurn(member, () => this.#deafen(member)).then(() => this.#offer(member))
    else this.#offer(member)
  }
  /** The client's answer to the last offer. */
  async answered(sessionId: string, sdp: string): Promise<void> {
    const member = this.#members.get(sessionId)
    if (member === undefined || member.hearing === null || member.late === null) return
    clearTimeout(member.late)
    member.late = null
    await this.#deps.line.send(member.hearing, { request: 'start' }, { type: 'answer', sdp })
    this.#offer(member)
  }

  #inTurn<A>(member: Member, work: () => Promise<A>): Promise<A> {
    const turn = member.turn.then(work)
    member.turn = turn.catch(() => {})
    return turn
  }
  async #hush(member: Member): Promise<void> {
    const { speaking } = member
    if (speaking === null) return
    member.speaking = null
    this.#deps.onReport({ ...member.who, what: 'unpublished' })
    await this.#deps.line.detach(speaking).catch(() => {})
  }
  async #deafen(member: Member): Promise<void> {
    const { hearing } = member
    member.hearing = null
    member.offered.clear()
    if (member.late !== null) clearTimeout(member.late)
    member.late = null
    if (hearing !== null) await this.#deps.line.detach(hearing).catch(() => {})
  }
  /** Offers a member the voices that it has not yet. One offer at a time. */
  #offer(member: Member): void {
    void this.#inTurn(member, async () => {
      if (member.isGone || member.late !== null) return
      const more = [...this.#publishers].filter(
        (one) => one !== member.who.sessionId && !member.offered.has(one),
      )
      if (more.length === 0) return
      const told = await this.#subscribe(member, more)
      if (told === null) return
      const { data, jsep } = told
      for (const one of more) member.offered.add(one)
      if (jsep !== null) this.#tellOffer(member, data, jsep)
    }).catch((error) => {
      // Somebody stopped speaking while it was asked for: their going comes as news, and then everything is asked for anew.
      if (error instanceof JanusError && error.code === NO_FEED) return
      void this.#deafen(member)
    })
  }
  /** Null: the member is gone. */
  async #subscribe(member: Member, more: ReadonlyArray<string>): Promise<PluginNews | null> {
    const { line } = this.#deps
    const streams = more.map((feed) => ({ feed }))
    if (member.hearing !== null) return line.send(member.hearing, { request: 'update', subscribe: streams })
    const handle = await line.attach(() => {})
    // A voice that ends needs no new offer: nothing comes over it any more.
    const join = { request: 'join', ptype: 'subscriber', room: this.#name, autoupdate: false }
    const told = await this.#orDetach(handle, () =>
      member.isGone ? Promise.resolve(null) : line.send(handle, { ...join, streams }),
    )
    // Whoever left in the meantime had no handle yet that could be taken from them.
    if (told === null || member.isGone) {
      await line.detach(handle).catch(() => {})
      return null
    }
    member.hearing = handle
    member.isFresh = true
    return told
  }
  /** A handle that did not get into the room is of no use: nothing but its end can be asked of it. */
  async #orDetach<A>(handle: number, work: () => Promise<A>): Promise<A> {
    try {
      return await work()
    } catch (error) {
      await this.#deps.line.detach(handle).catch(() => {})
      throw error
    }
  }
  #tellOffer(member: Member, data: JanusMessage, { sdp }: Jsep): void {
    const voices = listIn(data, 'streams').flatMap(({ mid, feed_id, active }) =>
      typeof feed_id === 'string' && active !== false ? [[String(mid), feed_id] as const] : [],
    )
    member.late = setTimeout(() => {
      member.late = null
      void this.#inTurn(member, () => this.#deafen(member)).then(() => this.#offer(member))
    }, ANSWER_MS)
    member.tell({ kind: 'offer', sdp, voices: Object.fromEntries(voices), fresh: member.isFresh })
    member.isFresh = false
  }

  /** The handle through which this process hears who publishes. */
  #watched(): Promise<number> {
    this.#watch ??= this.#beginWatch().catch((error) => {
      this.#watch = null
      throw error
    })
    return this.#watch
  }
  async #beginWatch(): Promise<number> {
    const { line, boot } = this.#deps
    const handle = await line.attach((told) => {
      if (told !== 'gone') this.#heard(told.data)
    })
    const rest = { publishers: 1_000, audiocodec: 'opus', is_private: true, permanent: false }
    return this.#orDetach(handle, async () => {
      await line.send(handle, { request: 'create', room: this.#name, ...rest }).catch((error) => {
        if (!(error instanceof JanusError) || error.code !== ROOM_EXISTS) throw error
      })
      const id = `${WATCH}${boot}`
      const { data } = await line.send(handle, { request: 'join', ptype: 'publisher', room: this.#name, id })
      this.#heard(data)
      return handle
    })
  }
  #heard(data: JanusMessage): void {
    for (const { id } of listIn(data, 'publishers')) if (typeof id === 'string') this.#publishers.add(id)
    for (const gone of [data.unpublished, data.leaving, data.kicked]) {
      if (typeof gone !== 'string') continue
      this.#publishers.delete(gone)
      for (const { offered } of this.#members.values()) offered.delete(gone)
    }
    for (const member of this.#members.values()) this.#offer(member)
  }
}
