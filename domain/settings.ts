/** The settings of a space, one entry each. Everything else about a setting is derived from its entry. */
import * as t from 'io-ts'
import { isCleanJson } from './text.ts'

/** `column`: its own in `presence_space_settings`; a setting without one stands in that table's `others`. */
type Entry<A> = {
  readonly kind: 'switch' | 'number' | 'choice' | 'object'
  readonly codec: t.Type<A>
  readonly initial: A
  readonly limits: { readonly least: number; readonly most: number } | null
  readonly column: 'bool' | 'int4' | null
  /** Which values it may have, as the end of a sentence that begins with its name. */
  readonly mayBe: string
  /** What it is for, in a sentence. */
  readonly says: string
  readonly allows: (value: unknown) => boolean
}

type Choice<A> = Entry<A> & { readonly choices: ReadonlyArray<A> }

const onOff = (initial: boolean, says: string, column: 'bool' | null = null): Entry<boolean> => ({
  kind: 'switch',
  codec: t.boolean,
  initial,
  limits: null,
  column,
  mayBe: 'true or false',
  says,
  allows: (value) => typeof value === 'boolean',
})
const whole = (
  { initial, least, most }: { readonly initial: number; readonly least: number; readonly most: number },
  says: string,
  column: 'int4' | null = null,
): Entry<number> => ({
  kind: 'number',
  codec: t.number,
  initial,
  limits: { least, most },
  column,
  mayBe: `a whole number from ${least} to ${most}`,
  says,
  allows: (value) => Number.isInteger(value) && (value as number) >= least && (value as number) <= most,
})
/** A setting whose value is one of a few words. */
const choice = <A extends string>(choices: ReadonlyArray<A>, initial: A, says: string): Choice<A> => ({
  kind: 'choice',
  codec: new t.Type<A, A, unknown>(
    choices.join(' | '),
    (value): value is A => choices.includes(value as A),
    (value, context) => (choices.includes(value as A) ? t.success(value as A) : t.failure(value, context)),
    t.identity,
  ),
  initial,
  limits: null,
  choices,
  column: null,
  mayBe: `one of ${choices.join(', ')}`,
  says,
  allows: (value) => choices.includes(value as A),
})
const ROLES = ['everyone', 'access', 'moderate', 'admin', 'owner'] as const
const free: Entry<Record<string, unknown>> = {
  kind: 'object',
  codec: t.UnknownRecord,
  initial: {},
  limits: null,
  column: null,
  mayBe: 'a plain JSON object',
  says: 'A free object for clients.',
  allows: (value) =>
    typeof value === 'object' && value !== null && !Array.isArray(value) && isCleanJson(value),
}

/** Six hours. */
export const MAX_SLOW_MODE_SECONDS = 21_600

export const SETTINGS = {
  chat_enabled: onOff(true, 'Whether people may write.', 'bool'),
  voice_enabled: onOff(true, 'Whether people may speak.', 'bool'),
  guests_allowed: onOff(true, 'Whether people may enter without signing in to an account.', 'bool'),
  max_users: whole(
    { initial: 50, least: 1, most: 25_000 },
    'How many sessions the space has room for.',
    'int4',
  ),
  reactions_enabled: onOff(
    true,
    'Whether anyone may react to messages; otherwise only moderators and above may.',
  ),
  stage: onOff(
    false,
    'Whether only moderators, and people to whom they give the word, may speak; a raised hand asks for the word.',
  ),
  slow_mode_seconds: whole(
    { initial: 0, least: 0, most: MAX_SLOW_MODE_SECONDS },
    'How many seconds everybody below moderator has to wait between two messages.',
    'int4',
  ),
  guests_of_network: whole(
    { initial: 10, least: 1, most: 10_000 },
    'How many guests of one network keep their seats when others come into a full room (at most half of the seats).',
  ),
  queue: onOff(false, 'Whether a full room gives a place in a queue instead of turning people away.'),
  queue_length: whole({ initial: 200, least: 1, most: 1_000 }, 'How many may wait for a seat at once.'),
  queue_order: choice(
    ['roles', 'arrival'],
    'roles',
    'Whose turn is first: moderators’, then those’ who have access by name, then everybody’s; or whoever came first.',
  ),
  scene_spawn: choice(ROLES, 'everyone', 'The lowest role that may add entities to a room’s scene.'),
  scene_draw: choice(ROLES, 'everyone', 'The lowest role that may draw in a room’s scene.'),
  scene_pin: choice(ROLES, 'moderate', 'The lowest role that may pin entities, so that they last.'),
  scene_delete: choice(ROLES, 'moderate', 'The lowest role that may remove others’ entities.'),
  scene_ownership: choice(
    ['free', 'ask', 'locked'],
    'free',
    'Who may take somebody else’s entity: anyone, whoever its owner gives it to, nobody.',
  ),
  motion_tracks: onOff(
    false,
    'Whether how people and things move is kept, so that moderators can see any second again.',
  ),
  motion_days: whole(
    { initial: 30, least: 1, most: 3_650 },
    'For how many days motion is kept that is kept from now on; no longer than the server’s own setting.',
  ),
  publish_bans: onOff(
    false,
    'Whether anybody who may enter may read the space’s bans as a list, and other spaces may follow it.',
  ),
  settings: free,
  // biome-ignore lint/suspicious/noExplicitAny: of whatever setting
} as const satisfies Readonly<Record<string, Entry<any>>>

type Settings = typeof SETTINGS
export type SettingName = keyof Settings
type Values = { readonly [Name in SettingName]: t.TypeOf<Settings[Name]['codec']> }
/** A space's settings as they stand. */
export type SpaceSettings = Omit<Values, 'settings'> & {
  readonly settings: Readonly<Record<string, unknown>>
}

export const SETTING_NAMES = Object.keys(SETTINGS) as ReadonlyArray<SettingName>

/** The possible values of a setting that is a choice. */
export const choicesOf = (name: SettingName): ReadonlyArray<string> => {
  const entry = SETTINGS[name]
  return 'choices' in entry ? entry.choices : []
}

export const isSettingName = (name: string): name is SettingName => Object.hasOwn(SETTINGS, name)

/** A record with the result of `of` for each setting. */
export const eachSetting = <A>(of: (name: SettingName, entry: Entry<unknown>) => A) =>
  Object.fromEntries(
    SETTING_NAMES.map((name) => [name, of(name, SETTINGS[name] as Entry<unknown>)]),
  ) as Record<SettingName, A>

export const DEFAULT_SETTINGS = eachSetting((_, { initial }) => initial) as unknown as SpaceSettings

type Codecs = { [Name in SettingName]: Settings[Name]['codec'] }
const codecs = eachSetting((_, { codec }) => codec) as unknown as Codecs
/** Values for some of the settings. */
export const SettingsChanges = t.partial(codecs)
export type SettingsChanges = t.TypeOf<typeof SettingsChanges>
/** Leaves out later settings that have their defaults, so that the stored state of a space that set none of them stays
 *  what it was. */
export const storedSettings = (settings: SpaceSettings): SettingsChanges => {
  const stored: Record<string, unknown> = { ...settings }
  for (const name of SETTING_NAMES)
    if (name !== 'settings' && SETTINGS[name].column === null && settings[name] === DEFAULT_SETTINGS[name])
      delete stored[name]
  return stored as SettingsChanges
}

/** Exactly these settings, with the defaults of those that are missing. */
export const settingsIn = (from: Readonly<Partial<Record<SettingName, unknown>>>): SpaceSettings =>
  eachSetting((name, { initial }) => from[name] ?? initial) as unknown as SpaceSettings
