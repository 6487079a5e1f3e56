import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** Where the server with this pid writes down what it holds. */
export const memoryFileOf = (pid: number): string => join(tmpdir(), `presence-memory-${pid}.json`)
