/** Which settings, bans, mutes and ranks a command's decision looked at, as they stood. */
import type { ChatState, Found } from '../../../domain/chat/state.ts'
import type { Actor } from '../../../domain/identity.ts'
import type { SpaceSettings } from '../../../domain/settings.ts'
import { accessOf, inForce, roleOf } from '../../../domain/space/access.ts'
import type { ContentFacts } from '../../../domain/space/commands.ts'
import type { Restriction } from '../../../domain/space/state.ts'
import { isOver } from '../../../domain/text.ts'
import { whoIs } from '../names.ts'
import type { Ref } from '../refs.ts'
import type { Standing } from '../standing.ts'
import type { AnyCommand } from './asked.ts'
import { isChatCommand } from './asked.ts'
import type { Cause, Rights } from './right.ts'

/** `because`: the event that set it; null where it was as every space begins. */
export type Rule = {
  readonly rule:
    | 'ban'
    | 'mute'
    | 'guests_allowed'
    | 'max_users'
    | 'chat_enabled'
    | 'voice_enabled'
    | 'slow_mode_seconds'
    | 'visibility'
    | 'target_role'
    | 'standing_restriction'
    | 'own_session'
    | 'message'
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

export const rulesFor = async (scene: Scene, rights: Rights): Promise<ReadonlyArray<Rule>> => {
  const { actor, facts, standing, at, command, chat } = scene
  const { state, refs } = standing
  const who = whoIs(actor)
  const rules: Rule[] = []
  const add = async (rule: Rule['rule'], value: unknown, says: string, ref?: Ref | null): Promise<void> => {
    rules.push({ rule, value, says, because: await rights.cause(ref) })
  }
  const setting = async (name: keyof SpaceSettings, says: string): Promise<void> =>
    add(name as Rule['rule'], state.settings[name], says, refs.settings.get(name))
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

  if (actor.kind === 'system') return rules
  const access = accessOf(state, actor, facts, at)
  await add(
    'visibility',
    facts.exists ? facts.visibility : 'gone',
    facts.exists ? `The space was ${facts.visibility}.` : 'The content of the space was gone.',
    refs.opened,
  )
  await restriction('ban', access.ban)

  const isEntering = command.type === 'EnterSpace' || command.type === 'JoinSpace'
  if ((isEntering || isChatCommand(command)) && actor.kind === 'guest')
    await setting(
      'guests_allowed',
      state.settings.guests_allowed ? 'Guests were allowed.' : 'Guests were not allowed.',
    )
  if (isEntering) {
    let held = 0
    for (const seat of state.held.values())
      if (seat.subject !== actor.id && !isOver(seat.expiresAt, at)) held += 1
    const { max_users } = state.settings
    await setting(
      'max_users',
      `The space had ${max_users} seats: ${state.sessions.size} were taken and ${held} held for others.`,
    )
  }

  if (command.type === 'SetVoice') {
    await setting(
      'voice_enabled',
      `Voice was switched ${state.settings.voice_enabled ? 'on' : 'off'} in the space.`,
    )
    await restriction('mute', access.mute)
  }
  if ('sessionId' in command && command.type !== 'JoinSpace' && command.type !== 'Kick') {
    const session = state.sessions.get(command.sessionId)
    const owner = session?.account ?? session?.guest ?? null
    const says =
      owner === null
        ? 'There was no such session.'
        : owner === actor.id
          ? 'The session was their own.'
          : `The session was ${owner}’s.`
    await add('own_session', owner, says, refs.sessions.get(command.sessionId)?.joined)
  }

  if (isChatCommand(command)) {
    if (command.type === 'PostMessage' || command.type === 'EditMessage' || command.type === 'AddReaction') {
      await setting(
        'chat_enabled',
        `Chat was switched ${state.settings.chat_enabled ? 'on' : 'off'} in the space.`,
      )
      await restriction('mute', access.mute)
    }
    const slow = state.settings.slow_mode_seconds
    if (command.type === 'PostMessage' && slow > 0) {
      const last =
        scene.lastPost === null
          ? 'they had not posted before'
          : `their last message was at ${new Date(scene.lastPost).toISOString()}`
      await setting(
        'slow_mode_seconds',
        `One message in ${slow} s was allowed to each below moderator: ${last}.`,
      )
    }
    if (command.type !== 'PostMessage') {
      const id = command.messageId.toLowerCase()
      const author = chat?.messages.get(id)?.posted?.author ?? scene.found.get(id)?.author ?? null
      await add(
        'message',
        author,
        author === null
          ? 'There was no such message.'
          : author === actor.id
            ? 'The message was their own.'
            : `The message was ${author}’s.`,
      )
      if (command.type === 'DeleteMessage' && author !== null && author !== actor.id) await target(author)
    }
  }

  async function target(subject: string): Promise<void> {
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
  switch (command.type) {
    case 'GrantPermission':
    case 'RevokePermission':
      await target(command.account)
      break
    case 'Ban':
    case 'Unban':
    case 'Mute':
    case 'Unmute': {
      const { subject } = command
      await target(subject)
      const isBan = command.type === 'Ban' || command.type === 'Unban'
      const one = inForce(isBan ? state.bans : state.mutes, subject, at)
      const set = isBan ? refs.bans : refs.mutes
      const what = isBan ? 'ban' : 'mute'
      await add(
        'standing_restriction',
        one === null ? null : { by: one.by, until: one.until },
        one === null
          ? `No ${what} of ${subject} was in force.`
          : `A ${what} of ${subject} by ${whoIs(one.by)} was in force ${end(one.until)}: none below who set it changes it.`,
        one === null ? null : set.get(subject),
      )
      break
    }
    case 'Kick': {
      const session = state.sessions.get(command.sessionId)
      const subject = session?.account ?? session?.guest ?? null
      if (subject !== null) await target(subject)
      break
    }
    default:
      break
  }
  return rules
}
