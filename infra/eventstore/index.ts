/** What programs that hold a node in their own process may use. What looks after a log's files is in `log/backup.ts`. */
export { type EmbeddedNode, type NodeOptions, startNode } from './node.ts'
