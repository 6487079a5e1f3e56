/** How a room's voice goes: from browser to browser, or through an SFU, which takes each voice once and passes it on. */
import * as t from 'io-ts'
import { Time } from '../time.ts'

/** A room whose voice goes through the SFU. */
export type VoiceRoute = { readonly since: string }
export const StoredRoute = t.type({ subspace: t.string, since: Time })

const Via = t.union([t.literal('sfu'), t.literal('mesh')])
const Why = t.union([t.literal('many'), t.literal('few'), t.literal('sfu-lost')])
export const Routing = t.type({ subspace: t.string, via: Via, why: Why, at: Time })

export const WHY_ROUTED: Readonly<Record<t.TypeOf<typeof Why>, string>> = {
  many: 'many speak or listen',
  few: 'few speak and listen',
  'sfu-lost': 'the SFU does not answer',
}
