/** A checkpoint that does not agree with the log. */
export type CheckpointFailure = {
  /** Where it is from: a file's name, `proof_checkpoints`, or the stream of the log that has it, too. */
  readonly from: string
  readonly size: number | null
  readonly what: 'malformed' | 'signature' | 'root' | 'position' | 'row' | 'missing'
  /** A sentence. */
  readonly detail: string
}
