/** Directories of a test's own: the event store's package has them, so that it needs nothing from here. */
export { temporaryDirectory } from '../eventstore/testing/directory.ts'
