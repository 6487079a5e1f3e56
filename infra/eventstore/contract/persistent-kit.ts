/** Persistent subscriptions for cases: created, consumed, looked at. */
import { type Kit, unique, until } from './kit.ts'

export type ClientGroupSettings = Parameters<
  Kit['lib']['persistentSubscriptionToStreamSettingsFromDefaults']
>[0]
export type GroupConsumer = ReturnType<Kit['client']['subscribeToPersistentSubscriptionToStream']>
export type SeenEvent = {
  id: string
  revision: bigint
  retries: number
  event: Parameters<GroupConsumer['ack']>[0]
}

export const create = async (
  kit: Kit,
  stream: string,
  settings: ClientGroupSettings = {},
): Promise<string> => {
  const group = unique('group')
  await kit.client.createPersistentSubscriptionToStream(
    stream,
    group,
    kit.lib.persistentSubscriptionToStreamSettingsFromDefaults({ startFrom: 'start', ...settings }),
  )
  return group
}

/** Connects, and gives each event to `handle`. */
export const consume = (
  subscription: GroupConsumer,
  handle: (seen: SeenEvent, subscription: GroupConsumer) => unknown = ({ event }) => subscription.ack(event),
) => {
  const seen: SeenEvent[] = []
  const errors: string[] = []
  subscription.on('data', (event) => {
    const original = event.link ?? event.event!
    const one = {
      id: original.id,
      revision: (event.event ?? original).revision,
      retries: event.retryCount,
      event,
    }
    seen.push(one)
    void handle(one, subscription)
  })
  subscription.on('error', (error) => errors.push((error as unknown as { type: string }).type))
  return {
    seen,
    errors,
    have: (count: number) => until(() => seen.length >= count),
    stop: () => subscription.unsubscribe(),
  }
}

export const connect = (kit: Kit, stream: string, group: string, bufferSize = 10) =>
  kit.client.subscribeToPersistentSubscriptionToStream(stream, group, { bufferSize })

export const revisions = (seen: ReadonlyArray<SeenEvent>): number[] =>
  seen.map(({ revision }) => Number(revision))
