/** Who is who in the tests: bob owns the space, and the clock starts at noon. */
import type { SentCommand } from '../commands.ts'
import type { ContentFacts, DecisionInput } from '../space/commands.ts'
import type { SpaceEventOf } from '../space/events.ts'

export const OWNER = 'bob'
const NOON = Date.parse('2026-03-01T12:00:00.000Z')
/** So many seconds after noon. */
export const at = (seconds = 0): string => new Date(NOON + seconds * 1_000).toISOString()

export const account = (id: string) => ({ kind: 'account', id }) as const
export const guest = (n: number) =>
  ({ kind: 'guest', id: `guest:${n.toString(16).padStart(12, '0')}` }) as const
export const system = { kind: 'system', id: 'node-1' } as const
type By = DecisionInput<unknown>['by']

export type ContentKind = 'public' | 'private' | 'none'
/** What the content says about `by`: bob owns it, carol collaborates on it. */
export const contentFor = (by: By, place: ContentKind = 'public'): ContentFacts => {
  const collaborates = by.kind === 'account' && by.id === 'carol' && place === 'private'
  return {
    exists: place !== 'none',
    title: 'A photo',
    owner: place === 'none' ? null : OWNER,
    visibility: place === 'public' ? 'public' : 'private',
    role: place === 'none' ? null : by.id === OWNER ? 'owner' : collaborates ? 'access' : null,
  }
}

let count = 0
/** Everything about a command that a test does not care to say. */
export const asked = <C extends SentCommand>(
  by: By,
  command: C,
  options: { readonly seconds?: number; readonly place?: ContentKind; readonly id?: string } = {},
): DecisionInput<C> => {
  count += 1
  return {
    id: options.id ?? `command-${count}`,
    by,
    at: at(options.seconds ?? 0),
    content: contentFor(by, options.place ?? 'public'),
    command,
  }
}

export const opened = (place: ContentKind = 'public'): SpaceEventOf<'SpaceOpened'> => ({
  type: 'SpaceOpened',
  data: {
    title: 'A photo',
    owner: OWNER,
    visibility: place === 'private' ? 'private' : 'public',
    at: at(-3_600),
  },
})
