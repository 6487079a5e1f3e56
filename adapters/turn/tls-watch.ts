/** Whether TURN is reachable over TLS, with a trusted certificate: what is not there is not advertised. */
import type { TurnPlace } from './turn.ts'
import { turnClient } from './turn-client.ts'

/** `unknown`: it can't be determined from here (no such name, no answer), for example behind a NAT that does not route back in. */
export type TlsState = 'there' | 'shut' | 'unknown'

export type TlsWatch = {
  /** The last result; if it is older than a minute (than 10 s, if something is not there), another look begins. */
  readonly stateOf: (place: TurnPlace) => TlsState
  /** Looks now. */
  readonly look: () => Promise<void>
}

const BELIEVED_MS = 60_000
const DOUBTED_MS = 10_000
const PATIENCE_MS = 3_000
const keyOf = ({ name, port }: TurnPlace): string => `${name}:${port}`

/** Errors that say nothing about the port itself. */
const SAYS_NOTHING = new Set(['ENOTFOUND', 'EAI_AGAIN', 'ETIMEDOUT', 'EHOSTUNREACH', 'ENETUNREACH'])

const stateAt = async ({ name, port }: TurnPlace, ca: string | undefined): Promise<TlsState> => {
  try {
    const host = name.replace(/^\[|\]$/g, '')
    const client = await turnClient(
      { host, port, transport: 'tls', ...(ca === undefined ? {} : { ca }) },
      { username: '', credential: '' },
      PATIENCE_MS,
    )
    try {
      // A request for a relay without credentials gets 401, which is an answer.
      await client.allocate(4)
      return 'there'
    } finally {
      client.close()
    }
  } catch (error) {
    const { code = '', message } = error as NodeJS.ErrnoException
    return SAYS_NOTHING.has(code) || message === 'it does not answer' ? 'unknown' : 'shut'
  }
}

export const watchTls = (
  places: ReadonlyArray<TurnPlace>,
  { now, ca }: { readonly now: () => number; readonly ca?: string },
): TlsWatch => {
  const found = new Map<string, TlsState>()
  let lookedAt = Number.NEGATIVE_INFINITY
  let looking: Promise<void> | null = null
  const look = (): Promise<void> => {
    lookedAt = now()
    looking ??= Promise.all(
      places.map(async (place) => {
        found.set(keyOf(place), await stateAt(place, ca))
      }),
    ).then(
      () => {
        looking = null
      },
      () => {
        looking = null
      },
    )
    return looking
  }
  return {
    stateOf: (place) => {
      const isAllThere = [...found.values()].every((one) => one === 'there')
      if (now() - lookedAt > (isAllThere ? BELIEVED_MS : DOUBTED_MS)) void look()
      return found.get(keyOf(place)) ?? 'unknown'
    },
    look,
  }
}
