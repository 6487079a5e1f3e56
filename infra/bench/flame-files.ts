import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** What the server with this pid writes when its profile has begun, and the profile itself. */
export const flameFilesOf = (pid: number): { readonly begun: string; readonly profile: string } => ({
  begun: join(tmpdir(), `presence-profile-${pid}-begun`),
  profile: join(tmpdir(), `presence-profile-${pid}.json`),
})
