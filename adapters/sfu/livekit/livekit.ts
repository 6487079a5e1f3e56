/** LiveKit as the SFU: clients connect to it with tokens of ours; what we allow or take back goes to its RoomService, and
 *  its webhooks come to us. Source: docs.livekit.io, “Room service API”, “Webhooks & events”. */
import * as E from 'fp-ts/lib/Either.js'
import type { TaskEither } from 'fp-ts/lib/TaskEither.js'
import * as t from 'io-ts'
import type { Clock } from '../../../domain/ports.ts'
import { reasonOf } from '../../observing.ts'
import { type Participant, type Sfu, type SfuError, type SfuReport, sfuUnavailable } from '../sfu.ts'
import { type ApiKey, liveKitToken, signedBody, type VideoGrant } from './token.ts'

export type LiveKitOptions = ApiKey & {
  /** Where clients connect: ws or wss. */
  readonly url: string
  /** Where its API is: http or https. */
  readonly apiUrl: string
  readonly clock: Clock
  /** How often to ask whether it is there. Default 5,000 ms. */
  readonly everyMs?: number
}

/** A client has this long (s) to connect. LiveKit renews the tokens of those who are connected. */
const TOKEN_S = 60
const ADMIN_S = 30
const PATIENCE_MS = 2_000

const Webhook = t.intersection([
  t.type({ event: t.string }),
  t.partial({ room: t.partial({ name: t.string }), participant: t.partial({ identity: t.string }) }),
])
const REPORTS: Readonly<Record<string, SfuReport['what']>> = {
  participant_joined: 'joined',
  participant_left: 'left',
  participant_connection_aborted: 'left',
  track_published: 'published',
  track_unpublished: 'unpublished',
}

/** The SFU's own rights of a participant: all of them are set at once. */
const permission = (maySpeak: boolean) => ({
  can_subscribe: true,
  can_publish: maySpeak,
  can_publish_data: false,
  can_publish_sources: maySpeak ? ['MICROPHONE'] : [],
})

const reportIn = (body: string): SfuReport | null => {
  let said: unknown
  try {
    said = JSON.parse(body)
  } catch {
    return null
  }
  if (!Webhook.is(said)) return null
  const what = REPORTS[said.event]
  const { name: room } = said.room ?? {}
  const { identity: sessionId } = said.participant ?? {}
  return what === undefined || room === undefined || sessionId === undefined
    ? null
    : { what, room, sessionId }
}

export const createLiveKit = (options: LiveKitOptions): Sfu => {
  const { key, secret, url, clock } = options
  const listeners = new Set<() => void>()
  let isUp = false

  const call =
    (method: string, grant: VideoGrant, body: unknown): TaskEither<SfuError, void> =>
    async () => {
      const token = liveKitToken({ key, secret }, { video: grant, seconds: ADMIN_S }, clock.now())
      try {
        const answer = await fetch(new URL(`/twirp/livekit.RoomService/${method}`, options.apiUrl), {
          method: 'POST',
          headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
          body: JSON.stringify(body),
          signal: AbortSignal.timeout(PATIENCE_MS),
        })
        const text = await answer.text()
        // Twirp's not_found: there is no such room or participant, so nothing has to be taken from it.
        if (answer.ok || answer.status === 404) return E.right(undefined)
        return E.left(
          sfuUnavailable(`LiveKit answered ${method} with ${answer.status}: ${text.slice(0, 200)}`),
        )
      } catch (error) {
        return E.left(sfuUnavailable(`LiveKit does not answer ${method}: ${reasonOf(error)}`))
      }
    }
  const admin = (
    method: string,
    { room, sessionId }: Participant,
    more: Readonly<Record<string, unknown>> = {},
  ) => call(method, { roomAdmin: true, room }, { room, identity: sessionId, ...more })

  const look = async (): Promise<void> => {
    const answer = await call('ListRooms', { roomList: true }, { names: ['-'] })()
    if (E.isRight(answer) === isUp) return
    isUp = E.isRight(answer)
    for (const listener of listeners) listener()
  }
  const looking = setInterval(() => void look(), options.everyMs ?? 5_000).unref()
  void look()

  return {
    kind: 'livekit',
    url,
    grant:
      ({ room, sessionId }, maySpeak) =>
      async () => {
        const video: VideoGrant = {
          ...{ room, roomJoin: true, canSubscribe: true, canPublish: maySpeak },
          ...{ canPublishData: false, canUpdateOwnMetadata: false },
          ...(maySpeak ? { canPublishSources: ['microphone'] } : {}),
        }
        const claims = { identity: sessionId, video, seconds: TOKEN_S }
        return E.right({ url, token: liveKitToken({ key, secret }, claims, clock.now()) })
      },
    // Whoever loses the right to publish has their tracks taken down with it. If that can't be done, they are disconnected.
    maySpeak: (who, may) => async () => {
      const changed = await admin('UpdateParticipant', who, { permission: permission(may) })()
      return E.isRight(changed) || may ? changed : admin('RemoveParticipant', who)()
    },
    remove: (who) => admin('RemoveParticipant', who),
    close: (room) => call('DeleteRoom', { roomCreate: true, room }, { room }),
    webhook: (body, authorization, now) =>
      E.map(() => reportIn(body))(signedBody({ key, secret }, { body, authorization }, now)),
    isUp: () => isUp,
    onChange: (listener) => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    onReport: () => {},
    stop: async () => clearInterval(looking),
  }
}
