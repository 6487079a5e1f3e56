/**
 * Lets the others hear a client of networked-aframe's `webrtc` adapter that answered their offers before its microphone was open.
 *
 * Once its microphone is open, that adapter adds it to the connections that it has, but it never negotiates again. So an
 * offer that it answered without a voice is sent to it once more, as it came; the answer to that has the voice. Whoever made the
 * offer has taken an answer already, so this one reaches them as an offer of the same connection, and their answer to it
 * ends here: their side and the client's describe the same by then.
 */
import { voiceOf } from '../voice-rights.ts'
import { object } from './speaking.ts'
import type { Payload } from './translated.ts'

/** A voice for more people than this goes through no mesh. */
const MOST_CALLS = 32
/** After how many milliseconds it is asked again, each time, if it shows by nothing else that it is ready. */
const PAUSES = [1_000, 2_000, 4_000, 8_000, 16_000, 32_000] as const

/** `offered`: not answered yet. `silent`: answered without a voice. `again`: asked once more. `last`: asked once more when it was
 *  ready. `turned`: its answer was passed on as an offer. */
type Call = { readonly offer: Payload; state: 'offered' | 'silent' | 'again' | 'last' | 'turned' }
/** How an answer goes on. */
export type PassedAnswer = { readonly kind: 'answer' | 'offer'; readonly signal: Payload }

/** An answer in the form of an offer: only an offer leaves open who begins the handshake. */
const asOffer = (answer: Payload): Payload => ({
  ...answer,
  type: 'offer',
  sdp: String(answer.sdp).replace(/^a=setup:(active|passive)/gm, 'a=setup:actpass'),
})

export class LateVoices {
  readonly #calls = new Map<string, Call>()
  readonly #ask: (from: string, offer: Payload) => void
  #isReady = false
  #asked = 0
  #timer: NodeJS.Timeout | undefined
  /** `ask` sends the client an offer again. */
  constructor(ask: (from: string, offer: Payload) => void) {
    this.#ask = ask
  }

  get isReady(): boolean {
    return this.#isReady
  }

  /** The client is sent this offer. Only the same adapter names both sides in it; others negotiate again by themselves. */
  offered(from: string, offer: Payload): void {
    this.#calls.delete(from)
    if (this.#isReady || typeof offer.to !== 'string' || this.#calls.size >= MOST_CALLS) return
    if (/^m=audio /m.test(String(offer.sdp))) this.#calls.set(from, { offer, state: 'offered' })
  }

  /** How the client's answer goes on to that socket; null: not at all. */
  answered(to: string, value: unknown): PassedAnswer | null {
    const answer = object(value)
    const call = this.#calls.get(to)
    if (call === undefined || call.state === 'turned') return { kind: 'answer', signal: answer }
    const isAgain = call.state !== 'offered'
    if (voiceOf(answer) === 'silent') {
      // It was ready when it was asked and still has no voice: it has no microphone.
      if (call.state === 'last') this.#calls.delete(to)
      else {
        call.state = 'silent'
        // What it began to answer before its microphone was open may come after the first of its data.
        if (this.#isReady) this.#askAgain()
        else if (!isAgain) this.#askLater()
      }
      return isAgain ? null : { kind: 'answer', signal: answer }
    }
    if (!isAgain) {
      this.#calls.delete(to)
      return { kind: 'answer', signal: answer }
    }
    call.state = 'turned'
    return { kind: 'offer', signal: asOffer(answer) }
  }

  /** Whether an answer from that socket ends here. */
  ends(from: string): boolean {
    return this.#calls.get(from)?.state === 'turned' && this.#calls.delete(from)
  }

  /** The client has sent data: it does that only after it was told whether there is a microphone. */
  ready(): void {
    if (this.#isReady) return
    this.#isReady = true
    clearTimeout(this.#timer)
    this.#askAgain()
  }

  gone(id: string): void {
    this.#calls.delete(id)
  }

  clear(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#calls.clear()
  }

  #askAgain(): void {
    for (const [from, call] of this.#calls) {
      if (call.state !== 'silent') continue
      call.state = this.#isReady ? 'last' : 'again'
      this.#ask(from, call.offer)
    }
  }

  #askLater(): void {
    const pause = PAUSES[this.#asked]
    if (this.#timer !== undefined || this.#isReady || pause === undefined) return
    this.#timer = setTimeout(() => {
      this.#timer = undefined
      this.#asked++
      this.#askAgain()
      if (this.#calls.size > 0) this.#askLater()
    }, pause).unref()
  }
}
