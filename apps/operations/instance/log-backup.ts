/** Backup and restore of the embedded node's log, for the command line: this folder alone may know what the node keeps. */
import { join } from 'node:path'

export { backupLog, isLogDir, type LogFormat, logFormat, restoreLog } from 'dlux-eventstore/backup'

/** Where `npm start` on `dataDir` keeps its log. */
export const logDirOf = (dataDir: string): string => join(dataDir, 'eventstore')
