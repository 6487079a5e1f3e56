/** The appends that wait for a commit, and the callers that have to wait until there are fewer. */
import type { Alongside, AppendRequest } from './append-request.ts'

/** A commit takes at most this much, so that the first of a long queue does not wait for the last. */
const MAX_GROUP_BYTES = 8 * 1024 * 1024
/** Above this, callers are asked to stop reading requests until the queue is shorter. */
const HIGH_WATER_BYTES = 32 * 1024 * 1024

export type AppendQueue = ReturnType<typeof createAppendQueue>

export const createAppendQueue = () => {
  let requests: AppendRequest[] = []
  let bytes = 0
  let alongside: Alongside[] = []
  let stopped: Array<() => void> = []

  return {
    add: (request: AppendRequest): void => {
      requests.push(request)
      bytes += request.bytes
    },
    addAlongside: (own: Alongside): void => {
      alongside.push(own)
    },

    /** How many clients' requests wait, and their bytes. */
    length: (): number => requests.length,
    bytes: (): number => bytes,
    isEmpty: (): boolean => requests.length === 0 && alongside.length === 0,

    /** The requests that the next commit takes. */
    takeGroup: (): AppendRequest[] => {
      let taken = 0
      let count = 0
      while (count < requests.length && taken < MAX_GROUP_BYTES) taken += requests[count++]!.bytes
      bytes -= taken
      if (count < requests.length) return requests.splice(0, count)
      const all = requests
      requests = []
      return all
    },
    takeAlongside: (): Alongside[] => {
      const all = alongside
      alongside = []
      return all
    },

    /** True if the caller should stop reading; `resume` is called when it may go on. */
    full: (resume: () => void): boolean => {
      if (bytes < HIGH_WATER_BYTES) return false
      stopped.push(resume)
      return true
    },
    resume: (): void => {
      if (stopped.length === 0 || bytes >= HIGH_WATER_BYTES) return
      const callers = stopped
      stopped = []
      for (const resume of callers) resume()
    },
  }
}
