/** What programs that run a node in their own process may use. Backup and restore of a log's files are in
 *  `log/backup.ts`. */
export { type EmbeddedNode, type NodeOptions, startNode } from './node.ts'
