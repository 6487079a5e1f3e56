/** What the content behind a space says about the space to a caller: see the last paragraph on read models in docs/contract.md. */
import { accountOf, type Caller } from '../../domain/identity.ts'
import type { ContentFacts } from '../../domain/space/commands.ts'
import type { Community } from '../hive/community.ts'

/** The content of one space, as it is in the tables. */
export type ContentRecord =
  | { readonly kind: 'none' }
  | { readonly kind: 'post'; readonly author: string; readonly title: string; readonly shown: boolean }
  | {
      readonly kind: 'document'
      readonly creator: string
      readonly title: string
      readonly isPublic: boolean
      readonly collaborators: ReadonlySet<string>
    }
  /** A Hive community: public, its team is Hive's. */
  | ({ readonly kind: 'community' } & Community)
  | { readonly kind: 'lobby' }

const NONE: ContentFacts = { exists: false, title: '', owner: null, visibility: 'private', role: null }

/** `systemAdmins` own the lobby, and a community without an owner. */
export const factsOf = (
  record: ContentRecord,
  by: Caller | null,
  systemAdmins: ReadonlyArray<string>,
): ContentFacts => {
  const account = by === null ? null : accountOf(by)
  switch (record.kind) {
    case 'none':
      return NONE
    case 'post':
      return {
        exists: true,
        title: record.title,
        owner: record.author,
        visibility: record.shown ? 'public' : 'private',
        role: account === record.author ? 'owner' : null,
      }
    case 'document': {
      const owns = account === record.creator
      const works = account !== null && record.collaborators.has(account)
      return {
        exists: true,
        title: record.title,
        owner: record.creator || null,
        visibility: record.isPublic ? 'public' : 'private',
        role: owns ? 'owner' : works ? 'access' : null,
      }
    }
    case 'community': {
      const { owner, team, title } = record
      const ofTeam = account !== null && Object.hasOwn(team, account) ? (team[account] ?? null) : null
      // A community without an owner belongs to the system's admins.
      const owns = account !== null && (owner === null ? systemAdmins.includes(account) : account === owner)
      return {
        exists: true,
        title,
        owner,
        ...(owner === null ? { owners: systemAdmins } : {}),
        ...(Object.keys(team).length > 0 ? { team } : {}),
        visibility: 'public',
        role: owns ? 'owner' : ofTeam,
      }
    }
    case 'lobby':
      return {
        exists: true,
        title: 'Lobby',
        owner: null,
        owners: systemAdmins,
        visibility: 'public',
        role: account !== null && systemAdmins.includes(account) ? 'owner' : null,
      }
    default: {
      const never: never = record
      throw new Error(`unknown content ${JSON.stringify(never)}`)
    }
  }
}
