/** How one sender's scene moved, on its way to the recipients. */

export type Moved = {
  /** Encoded when it is sent, so that it has the state of that moment. */
  readonly packet: () => string
  /** What is left of it for members who get positions over the packed wire; null for nothing. */
  readonly rest?: () => string | null
  /** Merges it over an older one from its sender that was not sent yet. Without this function, the newer replaces the older. */
  readonly over?: (older: Moved) => Moved
  /** Whether the sender is still in the room: checked before each write, since nothing that has left moves. */
  readonly isThere: () => boolean
}
export const withOlder = (older: Moved | undefined, newer: Moved): Moved =>
  older === undefined || newer.over === undefined ? newer : newer.over(older)

/** Collects movements for a busy line: what it was not sent waits, the newer merged over the older, until it has read what it was sent. */
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
  /** To be called when the line is no longer in that room. */
  clear(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#moves.clear()
  }
}
const LOOK_MS = 50
