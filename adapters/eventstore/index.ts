/** The part of this adapter that the rest of the program uses. */
export {
  connectEventLog,
  connectOrderedEventLog,
  type EventStoreLog,
  type OrderedEventLog,
} from './event-log.ts'
export { appendSettled } from './settle.ts'
export { BINARY } from './wire.ts'
