/** Who runs a command, as it is told on the log. */
import { userInfo } from 'node:os'

/** Whoever sits at the shell, also behind sudo. */
export const operatorName = (): string => {
  try {
    return process.env.SUDO_USER || userInfo().username
  } catch {
    return 'somebody'
  }
}

export const operator = (): string => `cli:${operatorName()}`
