/** What is wrong with a file that somebody named, in a sentence. */

const SAYS: Readonly<Record<string, (file: string) => string>> = {
  ENOENT: (file) => `There is no ${file}.`,
  EISDIR: (file) => `${file} is a folder.`,
  ENOTDIR: (file) => `${file} is within what is no folder.`,
  EACCES: (file) => `${file}: you have no right to it.`,
  EPERM: (file) => `${file}: you have no right to it.`,
  EROFS: (file) => `${file}: nothing can be written there.`,
  ENOSPC: (file) => `${file}: the disk is full.`,
  EDQUOT: (file) => `${file}: the disk is full.`,
}

/** The system's message, if it is not about a file. */
export const fileError = (error: unknown, file: string): string => {
  const { code = '', message } = error as NodeJS.ErrnoException
  return Object.hasOwn(SAYS, code) ? SAYS[code]!(file) : message
}
