/** A call without a network. */
import type { Call } from '../server/grpc.ts'

/** A call that keeps what is written to it. */
export const fakeCall = (): { call: Call; frames: Buffer[]; ended: Promise<unknown> } => {
  const frames: Buffer[] = []
  let open = true
  let finish: (error: unknown) => void = () => {}
  const ended = new Promise<unknown>((resolve) => {
    finish = (error) => {
      open = false
      resolve(error)
    }
  })
  const call: Call = {
    headers: {},
    peer: '',
    deadline: Number.POSITIVE_INFINITY,
    onMessage: () => {},
    onEnd: () => {},
    onClose: () => {},
    open: () => open,
    write: (frame, rest) => {
      frames.push(rest === undefined ? frame : Buffer.concat([frame, rest]))
      return true
    },
    blocked: () => false,
    ready: () => Promise.resolve(),
    end: () => finish(undefined),
    fail: finish,
    pause: () => {},
    whenSent: () => {},
    resume: () => {},
  }
  return { call, frames, ended }
}
