/** `presence log scavenge`: has the embedded node free the space of what can't be read any more, and follows it to its end. */
import { setTimeout as rest } from 'node:timers/promises'
import { askNode } from '../../operations/archive/size.ts'
import { counted, type Io } from '../command.ts'

type Progress = {
  readonly scavengeId?: string
  readonly state?: 'running' | 'done' | 'stopped' | 'failed'
  readonly streamsDone?: number
  readonly streams?: number
  readonly eventsRemoved?: number
  readonly bytesFreed?: number
  readonly error?: string
}

const LOOK_MS = 500

const ask = async (
  url: string,
  method: 'GET' | 'POST',
  path: string,
): Promise<{ status: number; body: Progress }> => {
  const { status, body } = await askNode(url, method, path)
  return { status, body: body as Progress }
}

const refused = (status: number): string => {
  if (status === 401 || status === 403) return 'The node wants an administrator: esdb://admin:…@… .'
  return `What listens there does not scavenge by this call (it says ${status}).`
}

/** Rejects if the node can't be reached, refuses, or fails. */
export const scavenge = async (url: string, io: Io): Promise<Progress> => {
  const started = await ask(url, 'POST', '/admin/scavenge')
  const id = started.body.scavengeId
  if (id === undefined || (started.status !== 200 && started.status !== 409))
    throw new Error(refused(started.status))
  io.err(started.status === 409 ? `Scavenge ${id} runs already.` : `Scavenge ${id} has begun.`)
  for (let told = -1; ; await rest(LOOK_MS)) {
    const { body } = await ask(url, 'GET', '/admin/scavenge/current')
    if (body.scavengeId !== id)
      throw new Error('The node was started anew meanwhile: give the command again.')
    const { state, streamsDone = 0, streams = 0, eventsRemoved = 0, bytesFreed = 0 } = body
    if (state === 'failed') throw new Error(`Scavenge ${id} failed: ${body.error}`)
    const sum = `${counted(eventsRemoved, 'event')} removed, ${bytesFreed} bytes given back to the disk`
    if (state !== 'running') {
      io.out(`Scavenge ${id} is ${state}: ${sum}.`)
      return body
    }
    if (streamsDone !== told) io.err(`${streamsDone} of ${counted(streams, 'stream')}, ${sum}`)
    told = streamsDone
  }
}
