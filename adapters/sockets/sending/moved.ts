/** How one sender's scene moved, on its way to those who are to be told. */

export type Moved = {
  /** Encoded when it is sent, so that it says how things are then. */
  readonly packet: () => string
  /** What is left of it for those who are told by the packed wire where things are; null for nothing. */
  readonly rest?: () => string | null
  /** With what its sender said before and others were not told yet. Left out: the newer stands for the older. */
  readonly over?: (older: Moved) => Moved
  /** Whether the sender is still in the room: asked before each write, since nothing moves that has left. */
  readonly isThere: () => boolean
}
export const withOlder = (older: Moved | undefined, newer: Moved): Moved =>
  older === undefined || newer.over === undefined ? newer : newer.over(older)

/** For a line that is busy: what it was not told waits, the newer with the older, until it has read what it was sent. */
export class LateMoves {
  readonly #moves = new Map<string, Moved>()
  readonly #isBusy: () => boolean
  readonly #write: (packet: string) => void
  #timer: NodeJS.Timeout | undefined
  constructor(isBusy: () => boolean, write: (packet: string) => void) {
    this.#isBusy = isBusy
    this.#write = write
  }
  tell(sender: string, moved: Moved, packet: string): void {
    if (this.#moves.size === 0 && !this.#isBusy()) {
      this.#write(packet)
      return
    }
    this.#moves.set(sender, withOlder(this.#moves.get(sender), moved))
    this.#timer ??= setTimeout(() => this.#look(), LOOK_MS).unref()
  }
  #look(): void {
    this.#timer = undefined
    for (const [sender, moved] of this.#moves) {
      if (this.#isBusy()) break
      this.#moves.delete(sender)
      if (moved.isThere()) this.#write(moved.packet())
    }
    if (this.#moves.size > 0) this.#timer = setTimeout(() => this.#look(), LOOK_MS).unref()
  }
  /** It is no longer in that room. */
  clear(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#moves.clear()
  }
}
const LOOK_MS = 50
