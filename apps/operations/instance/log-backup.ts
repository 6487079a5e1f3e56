/** Backup and restore of the embedded node's log, for the command line: only this folder may know how the node stores it. */
import { join } from 'node:path'

export { backupLog, isLogDir, type LogFormat, logFormat, restoreLog } from 'dlux-eventstore/backup'

/** Where `npm start` on `dataDir` keeps its log. */
export const logDirOf = (dataDir: string): string => join(dataDir, 'eventstore')
