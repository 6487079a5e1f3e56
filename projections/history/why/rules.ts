/** Which settings, bans, mutes and ranks a command's decision looked at, with their values then. */
import { filtersFor, quietOf } from '../../../domain/chat/filtering.ts'
import type { ChatState, Found } from '../../../domain/chat/state.ts'
import { commandEntry } from '../../../domain/commands.ts'
import type { Actor } from '../../../domain/identity.ts'
import { isSettingName, type SettingName } from '../../../domain/settings.ts'
import { accessOf, inForce, rank, roleOf } from '../../../domain/space/access.ts'
import { listedIn } from '../../../domain/space/ban-list.ts'
import type { ContentFacts, LooksAt } from '../../../domain/space/commands.ts'
import { looksForInWords, sourceInWords } from '../../../domain/space/events.ts'
import { lineOf, nextInQueue } from '../../../domain/space/queue.ts'
import { hasTheWord } from '../../../domain/space/stage.ts'
import type { Restriction, SpaceState } from '../../../domain/space/state.ts'
import { isOver } from '../../../domain/text.ts'
import { whoIs } from '../names.ts'
import { listKey, type Ref } from '../refs.ts'
import type { Standing } from '../space-standing.ts'
import type { Cause } from './cause.ts'
import type { AnyCommand } from './rebuilt-command.ts'
import type { Rights } from './right.ts'

/** `because`: the event that set it; null if it has its initial value. */
export type Rule = {
  readonly rule:
    | 'ban'
    | 'mute'
    | 'word'
    | SettingName
    | 'visibility'
    | 'target_role'
    | 'standing_restriction'
    | 'own_session'
    | 'message'
    | 'filter'
    | 'ban_list'
    | 'ban_list_followed'
    | 'filter_mute'
  readonly value: unknown
  readonly says: string
  readonly because: Cause | null
}

export type Scene = {
  readonly actor: Actor
  readonly facts: ContentFacts
  readonly standing: Standing
  readonly at: string
  readonly command: AnyCommand
  readonly chat: ChatState | null
  readonly found: Found
  readonly lastPost: number | null
}

const end = (until: string | null): string => (until === null ? 'for good' : `until ${until}`)

const seatsSay = (state: SpaceState, subject: string, at: string): string => {
  let held = 0
  for (const seat of state.held.values())
    if (seat.subject !== subject && !isOver(seat.expiresAt, at)) held += 1
  return `The space had ${state.settings.max_users} seats: ${state.sessions.size} were taken and ${held} held for others.`
}
const queueSays = (state: SpaceState, subject: string, at: string): string => {
  const line = lineOf(state, at)
  const own = line.find(({ place }) => place.subject === subject)
  const order =
    state.settings.queue_order === 'roles'
      ? 'moderators’ turns come first, then those’ who have access by name'
      : 'turns come as people came'
  const next = nextInQueue(state)
  const before =
    own === undefined ? `${line.length} waited` : `theirs was place ${own.position} of ${line.length}`
  const passed = (next?.passedOver ?? []).map((one) => one.subject).join(', ')
  const share = passed === '' ? '' : ` Before it ${passed} came, whose network had its share of the seats.`
  const turn = next === null ? '' : ` The next turn was ${next.next.subject}’s.${share}`
  return `The room had a queue: ${before}; ${order}.${turn}`
}

/** What a command may name and its rules look at. */
type Names = {
  readonly sessionId?: string
  readonly account?: string
  readonly subject?: string
  readonly messageId?: string
}

export const rulesFor = async (scene: Scene, rights: Rights): Promise<ReadonlyArray<Rule>> => {
  const { actor, facts, standing, at, chat } = scene
  const command = scene.command as AnyCommand & Names
  const { state, refs } = standing
  const who = whoIs(actor)
  const rules: Rule[] = []
  const add = async (rule: Rule['rule'], value: unknown, says: string, ref?: Ref | null): Promise<void> => {
    rules.push({ rule, value, says, because: await rights.cause(ref) })
  }
  const setting = async (name: SettingName, says: string): Promise<void> =>
    add(name, state.settings[name], says, refs.settings.get(name))
  const restriction = async (rule: 'ban' | 'mute', one: Restriction | null): Promise<void> => {
    const done = rule === 'ban' ? 'banned' : 'muted'
    const set = rule === 'ban' ? refs.bans : refs.mutes
    if (one === null) await add(rule, null, `No ${rule} of ${who} was in force.`)
    else
      await add(
        rule,
        { reason: one.reason, until: one.until },
        `${who} was ${done} ${end(one.until)}.`,
        set.get(actor.id),
      )
  }

  /** Banned by name, or by an entry of a list that the space follows. */
  const banned = async (): Promise<void> => {
    const own = inForce(state.bans, actor.id, at)
    const listed = access.ban === null || own !== null ? null : listedIn(state.lists, actor.id)
    if (listed === null) return restriction('ban', access.ban)
    const { list, entry } = listed
    await add(
      'ban_list',
      { list_id: list.listId, entity: entry.entity, reason: entry.reason, from: entry.from },
      `The ban list ${list.listId} (${sourceInWords(list.source)}) names ${who}: ${entry.entity}${entry.from === null ? '' : `, banned from ${entry.from}`}${entry.reason === null ? '' : `, because ${entry.reason}`}.`,
      refs.lists.get(listKey(list.listId, entry.entity)),
    )
    await add(
      'ban_list_followed',
      list.listId,
      `The space followed the ban list ${list.listId}.`,
      refs.lists.get(list.listId),
    )
  }

  const isSystem = actor.kind === 'system'
  if (isSystem && !commandEntry(command.type).looksAt.includes('line')) return rules
  const access = accessOf(state, actor, facts, at)
  if (!isSystem) {
    await add(
      'visibility',
      facts.exists ? facts.visibility : 'gone',
      facts.exists ? `The space was ${facts.visibility}.` : 'The content of the space was gone.',
      refs.opened,
    )
    await banned()
  }

  const subjectOf = (sessionId: string | undefined): string | null => {
    const session = state.sessions.get(sessionId ?? '')
    return session?.account ?? session?.guest ?? null
  }
  const author = (): string | null => {
    const id = command.messageId?.toLowerCase() ?? ''
    return chat?.messages.get(id)?.posted?.author ?? scene.found.get(id)?.author ?? null
  }
  const whoseIs = (thing: 'session' | 'message', owner: string | null): string => {
    if (owner === null) return `There was no such ${thing}.`
    return owner === actor.id ? `The ${thing} was their own.` : `The ${thing} was ${owner}’s.`
  }
  const target = async (subject: string | null | undefined): Promise<void> => {
    if (subject === null || subject === undefined) return
    const role = roleOf(state, facts, subject)
    await add(
      'target_role',
      { subject, role },
      role === null
        ? `${subject} had no role here.`
        : `${subject} was ${role} here: nobody acts on an equal or a higher one.`,
      role === null || role === 'owner' ? null : refs.grants.get(subject),
    )
  }
  const standingRestriction = async (what: 'ban' | 'mute', subject: string): Promise<void> => {
    const one = inForce(what === 'ban' ? state.bans : state.mutes, subject, at)
    const set = what === 'ban' ? refs.bans : refs.mutes
    await add(
      'standing_restriction',
      one === null ? null : { by: one.by, until: one.until },
      one === null
        ? `No ${what} of ${subject} was in force.`
        : `A ${what} of ${subject} by ${whoIs(one.by)} was in force ${end(one.until)}: none below who set it changes it.`,
      one === null ? null : set.get(subject),
    )
  }
  const { settings } = state
  const onOrOff = (on: boolean): string => (on ? 'on' : 'off')

  const looks: { readonly [What in Exclude<LooksAt, SettingName>]: () => Promise<void> } = {
    guests: async () => {
      if (actor.kind !== 'guest') return
      const says = settings.guests_allowed ? 'Guests were allowed.' : 'Guests were not allowed.'
      await setting('guests_allowed', says)
    },
    seats: async () => {
      await setting('max_users', seatsSay(state, actor.id, at))
    },
    line: async () => {
      if (settings.queue) await setting('queue', queueSays(state, actor.id, at))
    },
    voice: () =>
      setting('voice_enabled', `Voice was switched ${onOrOff(settings.voice_enabled)} in the space.`),
    word: async () => {
      const has = hasTheWord(state, actor.id)
      if (settings.stage) await add('word', has, has ? 'They had the word.' : 'They did not have the word.')
    },
    mute: () => restriction('mute', access.mute),
    session: () => {
      const owner = subjectOf(command.sessionId)
      const joined = refs.sessions.get(command.sessionId ?? '')?.joined
      return add('own_session', owner, whoseIs('session', owner), joined)
    },
    chat: () => setting('chat_enabled', `Chat was switched ${onOrOff(settings.chat_enabled)} in the space.`),
    'slow mode': async () => {
      const slow = settings.slow_mode_seconds
      if (slow === 0) return
      const last =
        scene.lastPost === null
          ? 'they had not posted before'
          : `their last message was at ${new Date(scene.lastPost).toISOString()}`
      await setting(
        'slow_mode_seconds',
        `One message in ${slow} s was allowed to each below moderator: ${last}.`,
      )
    },
    filtered: async () => {
      const quiet =
        chat === null || rank(access.role) >= rank('moderate') ? null : quietOf(chat, actor.id, at)
      if (quiet === null) return
      const { filterId, until, messageId } = quiet
      await add(
        'filter_mute',
        { filter_id: filterId, until, message_id: messageId },
        `The filter ${filterId} had muted ${who} until ${until}, for the message ${messageId}.`,
        refs.filters.get(filterId),
      )
    },
    filters: async () => {
      if (chat === null || !('content' in command)) return
      const context = { state, by: actor, at, content: facts, access, rules: undefined, chat }
      for (const filter of filtersFor(context, command.content, command.type === 'PostMessage'))
        await add(
          'filter',
          { filter_id: filter.filterId, acts: filter.acts },
          `The filter ${filter.filterId}, set by ${whoIs(filter.by)}, caught it (${looksForInWords(filter.looksFor)}: ${filter.acts.join(', ')}).`,
          refs.filters.get(filter.filterId),
        )
    },
    message: () => add('message', author(), whoseIs('message', author())),
    author: async () => {
      if (author() !== actor.id) await target(author())
    },
    target: () => target(command.account ?? command.subject),
    'standing ban': () => standingRestriction('ban', command.subject ?? ''),
    'standing mute': () => standingRestriction('mute', command.subject ?? ''),
    'target’s session': async () => {
      const owner = subjectOf(command.sessionId)
      if (owner !== actor.id || command.type === 'Kick') await target(owner)
    },
  }
  for (const what of commandEntry(command.type).looksAt.filter((one) => !isSystem || one === 'line'))
    await (isSettingName(what)
      ? setting(what, `${what} was ${JSON.stringify(settings[what])}.`)
      : looks[what]())
  return rules
}
