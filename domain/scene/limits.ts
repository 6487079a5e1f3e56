/** How large a scene may be. */
import * as E from 'fp-ts/lib/Either.js'
import type { SpaceRefusal } from '../space/refusals.ts'
import { isCleanJson, isText } from '../text.ts'

export const MAX_ENTITIES = 2_000
/** The most entities of one account in a room, and of one guest. */
export const MAX_OF_ACCOUNT = 1_000
export const MAX_OF_GUEST = 200
/** In characters of JSON: the components of one entity, and all in a room. */
export const MAX_ENTITY = 16_384
export const MAX_SCENE = 2 << 20
export const MAX_COMPONENTS = 64
const MAX_NAME = 64
const MAX_ID = 128
const MAX_TEMPLATE = 1_024

const invalid = (field: string, detail: string): E.Either<SpaceRefusal, never> =>
  E.left({ _tag: 'Invalid', field, detail })

/** Names that have a special meaning in JavaScript. */
const ODD: ReadonlySet<string> = new Set(['__proto__', 'constructor', 'prototype'])
const isName = (name: string, most: number): boolean =>
  name.length > 0 && name.length <= most && isText(name) && !ODD.has(name)

export const parseEntityId = (id: unknown): E.Either<SpaceRefusal, string> =>
  typeof id === 'string' && isName(id, MAX_ID)
    ? E.right(id)
    : invalid('id', `An entity’s id is text of 1 to ${MAX_ID} characters.`)

/** Values by component; null removes one. */
export const parseComponents = (
  components: unknown,
): E.Either<SpaceRefusal, Readonly<Record<string, unknown>>> => {
  if (typeof components !== 'object' || components === null || Array.isArray(components))
    return invalid('components', 'components is not an object.')
  const names = Object.keys(components)
  if (names.length > MAX_COMPONENTS)
    return invalid('components', `An entity has at most ${MAX_COMPONENTS} components.`)
  if (!names.every((name) => isName(name, MAX_NAME)))
    return invalid('components', `A component’s name is text of 1 to ${MAX_NAME} characters.`)
  if (!isCleanJson(components)) return invalid('components', 'The components are not plain JSON.')
  return E.right(components as Readonly<Record<string, unknown>>)
}

export const parseTemplate = (template: unknown): E.Either<SpaceRefusal, string | null> => {
  if (template === undefined || template === null) return E.right(null)
  return isText(template) && template.length <= MAX_TEMPLATE
    ? E.right(template)
    : invalid('template', `A template is text of at most ${MAX_TEMPLATE} characters.`)
}

/** The size of a component. */
export const weightOf = (name: string, value: unknown): number =>
  value === null ? 0 : name.length + (JSON.stringify(value)?.length ?? 0)
