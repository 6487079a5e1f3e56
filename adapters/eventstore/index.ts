export { connectEventLog, type EventLogOptions, type EventLogStats, type EventStoreLog } from './event-log.ts'
export { appendSettled, type SettleOptions } from './settle.ts'
export { BINARY } from './wire.ts'
