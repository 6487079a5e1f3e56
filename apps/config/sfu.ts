/** The media server that carries the voice of large rooms, as the environment names it. */
import type { Name, ValueOf } from './variables.ts'

export type SfuConfig =
  /** `url`: where browsers connect. */
  | {
      readonly kind: 'livekit'
      readonly url: string
      readonly apiUrl: string
      readonly key: string
      readonly secret: string
    }
  /** `url`: where this server connects; browsers do not. */
  | { readonly kind: 'janus'; readonly url: string }

type Reading = {
  readonly isSet: (name: Name) => boolean
  readonly read: <N extends Name>(name: N) => ValueOf<N> | undefined
  readonly need: <N extends Name>(name: N, why: string) => ValueOf<N> | undefined
  /** Sentences about what is wrong. */
  readonly wrong: string[]
}

/** Null if none is named. */
export const sfuFrom = ({ isSet, read, need, wrong }: Reading): SfuConfig | null => {
  const [livekit, janus] = [read('LIVEKIT_URL'), read('JANUS_URL')]
  if (isSet('LIVEKIT_URL') && isSet('JANUS_URL'))
    wrong.push('LIVEKIT_URL and JANUS_URL are both set: a server has one media server for large rooms.')
  if (!isSet('LIVEKIT_URL')) {
    for (const name of ['LIVEKIT_API_URL', 'LIVEKIT_API_KEY', 'LIVEKIT_API_SECRET'] as const)
      if (read(name) !== undefined)
        wrong.push(`${name} is set, but LIVEKIT_URL is not: browsers connect there.`)
    return janus === undefined ? null : { kind: 'janus', url: janus }
  }
  const why = 'LIVEKIT_URL names a LiveKit, and tokens for it are made with this.'
  const [key, secret] = [need('LIVEKIT_API_KEY', why), need('LIVEKIT_API_SECRET', why)]
  const apiUrl = read('LIVEKIT_API_URL') ?? livekit?.replace(/^ws/, 'http')
  if (livekit === undefined || apiUrl === undefined || key === undefined || secret === undefined) return null
  return { kind: 'livekit', url: livekit, apiUrl, key, secret }
}
