/** A checkpoint that the log does not bear out. */
export type CheckpointFailure = {
  /** The file's name, `proof_checkpoints`, or the stream of the log where it stands too. */
  readonly from: string
  readonly size: number | null
  readonly what: 'malformed' | 'signature' | 'root' | 'position' | 'row' | 'missing'
  /** A sentence. */
  readonly detail: string
}
