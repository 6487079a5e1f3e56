/** The event store's own test server, for the tests of everything else. */
export { type TestEventStore, testEventStore } from '../eventstore/testing/server.ts'
