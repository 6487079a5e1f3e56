/** What commands are made of: each field's codec, and what is needed to build a command, both at the edges where requests
 *  come in and in an explanation, which decides a command again. */
import * as t from 'io-ts'

/** How a caller names the field. `own session`: a socket need not, since it has one; `inner`: each edge fills it in itself. */
export type Named =
  | 'own session'
  | 'session'
  | 'own session or another'
  | 'account'
  | 'subject'
  | 'permission'
  | 'reason'
  | 'until'
  | 'switch'
  | 'changes'
  | 'inner'
/** What is filled in for the question “could they have done this?” if the question does not say. */
export type Asks =
  | 'the asker’s session'
  | 'the target’s session'
  | 'the target'
  | 'the permission'
  | 'a message of the asker’s'
  | 'a message'
  | 'yes'
  | null

export type Field<A> = {
  readonly codec: t.Type<A>
  readonly named: Named
  readonly asks: Asks
  /** The simplest value with which the command can be decided at all. */
  readonly blank: A
  /** Not kept when the command is refused, because it is personal or because no rule looks at more than its form. */
  readonly isPersonal: boolean
  /** Not the sender's own words, and so not shown in explanations. */
  readonly isInner: boolean
}
export type Fields = Readonly<Record<string, Field<unknown>>>

// biome-ignore lint/suspicious/noExplicitAny: of whatever field
export type AnyFields = Readonly<Record<string, Field<any>>>
type ValueOf<F> = F extends Field<infer A> ? A : never
/** A field of type `unknown` must be present, even as null; one that may be undefined may be left out. */
type MayLack<A> = unknown extends A ? false : undefined extends A ? true : false
export type ValuesOf<F extends AnyFields> = {
  readonly [K in keyof F as MayLack<ValueOf<F[K]>> extends true ? never : K]: ValueOf<F[K]>
} & {
  readonly [K in keyof F as MayLack<ValueOf<F[K]>> extends true ? K : never]?: ValueOf<F[K]>
}

type Simplified<T> = { readonly [K in keyof T]: T[K] }
/** The command of that name, with these fields. */
export type CommandWith<Name, F extends AnyFields> = Simplified<{ readonly type: Name } & ValuesOf<F>>

export const field = <A>(
  codec: t.Type<A>,
  blank: A,
  rest: Partial<Omit<Field<A>, 'codec' | 'blank'>> = {},
): Field<A> => ({ codec, blank, named: 'inner', asks: null, isPersonal: false, isInner: false, ...rest })

const textOrNull = t.union([t.string, t.null])
/** A name that no account has: it stands for somebody who has no role. */
const NOBODY = 'nobody-at-all'
/** Stands for words that are missing or erased: rules look at no more than the form of words. */
export const SOME_WORDS = '…'

export const ownSession = field(t.string, '', { named: 'own session', asks: 'the asker’s session' })
export const anotherSession = field(t.string, '', { named: 'session', asks: 'the target’s session' })
export const ownOrAnotherSession = field(t.string, '', {
  named: 'own session or another',
  asks: 'the asker’s session',
})
export const account = field(t.string, NOBODY, { named: 'account', asks: 'the target' })
export const subject = field(t.string, NOBODY, { named: 'subject', asks: 'the target' })
export const reason = field(textOrNull, null, { named: 'reason', isPersonal: true })
/** ISO 8601 with a zone; null for good. */
export const until = field(textOrNull, null, { named: 'until' })
export const subspace = field(t.string, 'main')
/** An avatar's position or appearance: any JSON. */
export const position = field<unknown>(t.unknown, null, { isPersonal: true })
export const avatar = field<unknown>(t.unknown, null, { isPersonal: true, isInner: true })
/** The network that the request comes from (`adapters/networks.ts`), if that matters and is known. */
export const network = field(t.union([t.string, t.undefined]), undefined, { isInner: true })
/** Filled in by the server. */
export const inner = (blank: string) => field(t.string, blank, { isInner: true })
/** A UUID, unique in its space: a second message with the same id is the same message. */
export const messageId = (asks: Asks) => field(t.string, '00000000-0000-4000-8000-000000000000', { asks })
export const words = field(t.string, SOME_WORDS, { isPersonal: true, isInner: true })
export const emoji = field(t.string, '👍')
