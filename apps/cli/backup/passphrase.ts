/** The passphrase of a backup's secrets, and the secrets that a drill needs. */
import { readFileSync } from 'node:fs'
import { secretsOf } from '../../operations/backup/restore.ts'
import { readKept } from '../../operations/instance/secrets.ts'

/** The first line of the file. Throws with a sentence. */
export const passphraseOf = (file: string): string => {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (error) {
    throw new Error(`${file} can't be read: ${(error as Error).message}.`)
  }
  const [line = ''] = text.split(/\r?\n/)
  if (line.length < 12) throw new Error('A passphrase has 12 characters or more: the first line of its file.')
  return line
}

/** The secrets that open the data and sign: from the backup, else from the environment or the folder of npm start. */
export const secretsForDrill = (
  folder: string,
  passphraseFile: string | undefined,
): Record<string, string | undefined> => {
  const kept = readKept(process.env.DATA_DIR || './data')
  const inBackup = passphraseFile === undefined ? {} : secretsOf(folder, passphraseOf(passphraseFile))
  const one = (name: string, inFile: 'privacy' | 'audit') =>
    inBackup[name] ?? inBackup[`secrets.json ${inFile}`] ?? (process.env[name] || undefined) ?? kept[inFile]
  return {
    PRIVACY_MASTER_KEY: one('PRIVACY_MASTER_KEY', 'privacy'),
    AUDIT_SIGNING_KEY: one('AUDIT_SIGNING_KEY', 'audit'),
  }
}
