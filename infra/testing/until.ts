/** Waits for a condition: the event store's package has it, so that it needs nothing from here. */
export { until } from '../eventstore/testing/until.ts'
