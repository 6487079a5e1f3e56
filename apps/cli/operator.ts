/** The name, on the log, of whoever runs a command. */
import { userInfo } from 'node:os'

/** The user at the shell, even behind sudo. */
export const operatorName = (): string => {
  try {
    return process.env.SUDO_USER || userInfo().username
  } catch {
    return 'somebody'
  }
}

export const operator = (): string => `cli:${operatorName()}`
