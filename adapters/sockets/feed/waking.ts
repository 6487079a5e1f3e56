/** Loads a space: its state as of a revision, then what came meanwhile. */
import * as E from 'fp-ts/lib/Either.js'
import { streamName } from '../../../domain/names.ts'
import type { CommandError, Commands, EventLog } from '../../../domain/ports.ts'
import { initialSpace } from '../../../domain/space/evolve.ts'
import { sequence } from '../../../projections/live/sequence.ts'
import { countAnew } from '../live-space.ts'
import type { HeldSpace } from './held-space.ts'
import type { Telling } from './telling.ts'

export type Wake = (entry: HeldSpace) => Promise<E.Either<CommandError<never>, void>>

/** Listens to the streams before it requests the state, so that nothing in between is missed. */
export const createWake =
  (deps: { readonly log: EventLog; readonly commands: Commands; readonly telling: Telling }): Wake =>
  async (entry) => {
    const { log, commands, telling } = deps
    const { live } = entry
    const [looked, chat] = await Promise.all([
      commands.look(live.space)(),
      log.readStream(streamName('chat', live.space), { direction: 'backwards', limit: 1 })(),
    ])
    if (E.isLeft(looked)) return looked
    if (E.isLeft(chat) && chat.left._tag === 'LogUnavailable')
      return E.left({ _tag: 'Unavailable', what: 'eventstore', cause: chat.left.cause })
    const lastChat = E.isRight(chat) ? chat.right[0] : undefined
    live.state = looked.right?.state ?? initialSpace()
    live.spaceSeq = sequence(looked.right?.revision ?? -1n)
    live.chatSeq = sequence(lastChat?.revision ?? -1n)
    // Whoever enters does so by a later event of the space, so the last one there is need not be known.
    live.position = lastChat?.position ?? 0n
    countAnew(live)
    commands.warm(live.space)
    const waiting = entry.waiting ?? []
    entry.waiting = null
    for (const { kind, arrived } of waiting) telling.take(entry, kind, arrived)
    telling.finishAll()
    return E.right(undefined)
  }
