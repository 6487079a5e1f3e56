/**
 * What a room log says the tables must hold: a fold of its own, written from the file's meaning alone and sharing
 * nothing with the domain, so that a mistake in either shows as a difference.
 */
import type { RoomLine } from './room-log.ts'

export type ExpectedEntry = {
  /** The number of the file's line; 0 for what the owner does before the first. */
  readonly seq: number
  readonly action: string
  /** Whose act it is on the audit log. */
  readonly actor: string
  readonly target: string | null
  /** What else must agree: the permission, the reason, the words. */
  readonly detail: string | null
}
export type ExpectedRoom = {
  readonly present: ReadonlySet<string>
  readonly permissions: ReadonlyMap<string, string>
  /** In order. */
  readonly chat: ReadonlyArray<{ readonly seq: number; readonly account: string; readonly content: string }>
  readonly audit: ReadonlyArray<ExpectedEntry>
  /** Lines that the rules refuse: nobody but the owner changes an admin's permission. */
  readonly refused: ReadonlyArray<number>
}

export const expectedOf = (
  lines: ReadonlyArray<RoomLine>,
  owner: string,
  admins: ReadonlyArray<string>,
): ExpectedRoom => {
  const present = new Set<string>()
  const permissions = new Map<string, string>()
  const chat: Array<{ seq: number; account: string; content: string }> = []
  const audit: Array<ExpectedEntry> = []
  const refused: Array<number> = []
  for (const admin of admins) {
    permissions.set(admin, 'admin')
    audit.push({ seq: 0, action: 'PermissionGranted', actor: owner, target: admin, detail: 'admin' })
  }
  for (const line of lines) {
    const { seq, account } = line
    switch (line.kind) {
      case 'join':
        present.add(account)
        audit.push({ seq, action: 'SessionJoined', actor: account, target: null, detail: null })
        break
      case 'leave':
        present.delete(account)
        // A client that expires has lost its connection, which is what the server sees and records.
        audit.push({
          seq,
          action: 'SessionLeft',
          actor: account,
          target: null,
          detail: line.reason === 'left' ? 'left' : 'disconnected',
        })
        break
      case 'chat':
        chat.push({ seq, account, content: line.content })
        audit.push({ seq, action: 'MessagePosted', actor: account, target: null, detail: line.content })
        break
      case 'kick':
        present.delete(account)
        audit.push({ seq, action: 'SessionLeft', actor: line.by, target: account, detail: 'kicked' })
        break
      case 'grant':
      case 'revoke':
        if (permissions.get(account) === 'admin') {
          refused.push(seq)
          audit.push({ seq, action: 'CommandRefused', actor: line.by, target: account, detail: 'forbidden' })
        } else if (line.kind === 'grant' && permissions.get(account) !== line.permission) {
          permissions.set(account, line.permission)
          audit.push({
            seq,
            action: 'PermissionGranted',
            actor: line.by,
            target: account,
            detail: line.permission,
          })
        } else if (line.kind === 'revoke' && permissions.delete(account))
          audit.push({
            seq,
            action: 'PermissionRevoked',
            actor: line.by,
            target: account,
            detail: line.permission,
          })
        break
      default:
        line satisfies never
    }
  }
  return { present, permissions, chat, audit, refused }
}
