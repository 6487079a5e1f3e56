/** Passes what other processes relay on to the sockets here, if the log says that its sender is in the room. */
import type { RoomKey } from '../../../domain/names.ts'
import type { Session } from '../../../domain/space/session.ts'
import { createEarly, Relayed, sessionIn } from '../relayed.ts'
import type { EphemeralDeps } from './parts.ts'
import { dataPacket } from './room-data.ts'
import { pass, signalled } from './signals.ts'

const nameOf = ({ account, guest }: Session): string => account ?? guest ?? ''

/** Starts at once; `stop` drops what still waits. */
export const hearOthers = (deps: EphemeralDeps): { readonly stop: () => void } => {
  const { members, feed, sending, relay, clock, maxWaiting, scenes } = deps

  /** False: its sender is not in the room, or not yet. */
  const takeIn = (room: RoomKey, message: Relayed): boolean => {
    const { from } = message
    const session = sessionIn(feed, room, from)
    if (session === null) return false
    switch (message.kind) {
      case 'aframe': {
        // The form that nodes from before scenes use.
        scenes.tellOwn(room, from, message.data)
        return true
      }
      case 'signal': {
        const target = members.get(message.to)
        if (target?.place?.room === room) {
          const signal = signalled(message.event, message.value, from, nameOf(session))
          pass(target, message.event, signal, maxWaiting)
        }
        return true
      }
      case 'data': {
        const by = { kind: session.account === null ? 'guest' : 'account', id: nameOf(session) } as const
        const packet = dataPacket(clock, from, by, message)
        const target = message.to === null ? undefined : members.get(message.to)
        if (message.to === null) sending.others(room, from, packet)
        else if (target?.place?.room === room) target.line.packets([packet])
        return true
      }
      default: {
        const never: never = message
        return never
      }
    }
  }
  const early = createEarly(takeIn)
  relay.onMessage((room, message) => {
    if (scenes.take(room, message)) return
    // Another process can't speak for a socket of this one.
    if (!Relayed.is(message) || members.has(message.from)) return
    early.look()
    if (!takeIn(room, message)) early.add(room, message)
  })
  return { stop: early.stop }
}
