/** Who runs a command, as it is told on the log. */
import { userInfo } from 'node:os'

export const operator = (): string => {
  try {
    return `cli:${userInfo().username}`
  } catch {
    return 'cli'
  }
}
