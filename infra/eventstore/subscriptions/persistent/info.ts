/** What clients are told of a persistent subscription. */
import type { Storage } from '../../log/storage.ts'
import { persistent } from '../../protocol/stubs.ts'
import type { Group } from './group.ts'

const place = (group: Group, at: number | null): string =>
  at === null || at < 0 ? '' : group.source === '$all' ? `C:${at}/P:${at}` : `${at}`

const startFrom = (group: Group): string => {
  const { startFrom } = group.settings
  const at = startFrom === 'start' ? 0 : startFrom === 'end' ? -1 : startFrom
  return group.source === '$all' ? `C:${at}/P:${at}` : `${at}`
}

export const infoOf = (storage: Storage, group: Group): InstanceType<typeof persistent.SubscriptionInfo> => {
  const { settings, source, name } = group
  const stats = group.stats()
  const last = source === '$all' ? storage.lastPosition() : storage.stream(source).last
  const info = new persistent.SubscriptionInfo()
  info.setEventSource(source)
  info.setGroupName(name)
  info.setStatus('Live')
  info.setTotalItems(`${stats.total}`)
  info.setCountSinceLastMeasurement('0')
  info.setLastCheckpointedEventPosition(place(group, stats.processed))
  info.setLastKnownEventPosition(place(group, last))
  info.setResolveLinkTos(settings.resolveLinks)
  info.setStartFrom(startFrom(group))
  info.setMessageTimeoutMilliseconds(settings.messageTimeout)
  info.setExtraStatistics(settings.extraStatistics)
  info.setMaxRetryCount(settings.maxRetryCount)
  info.setLiveBufferSize(settings.liveBufferSize)
  info.setBufferSize(settings.historyBufferSize)
  info.setReadBatchSize(settings.readBatchSize)
  info.setCheckPointAfterMilliseconds(settings.checkpointAfter)
  info.setMinCheckPointCount(settings.minCheckpointCount)
  info.setMaxCheckPointCount(settings.maxCheckpointCount)
  info.setReadBufferCount(stats.readBuffer)
  info.setLiveBufferCount('0')
  info.setRetryBufferCount(stats.retryBuffer)
  info.setTotalInFlightMessages(stats.inFlight)
  info.setOutstandingMessagesCount(stats.outstanding)
  info.setNamedConsumerStrategy(settings.strategy)
  info.setMaxSubscriberCount(settings.maxSubscriberCount)
  info.setParkedMessageCount(`${stats.parked}`)
  for (const consumer of group.consumers()) {
    const connection = new persistent.SubscriptionInfo.ConnectionInfo()
    connection.setFrom(consumer.from)
    connection.setUsername(consumer.user)
    connection.setTotalItems(`${consumer.sent}`)
    connection.setCountSinceLastMeasurement('0')
    connection.setAvailableSlots(consumer.slots - consumer.inFlight.size)
    connection.setInFlightMessages(consumer.inFlight.size)
    connection.setConnectionName(consumer.name)
    for (const [key, value] of consumer.timings?.measurements() ?? []) {
      const measurement = new persistent.SubscriptionInfo.Measurement()
      measurement.setKey(key)
      measurement.setValue(`${value}`)
      connection.addObservedMeasurements(measurement)
    }
    info.addConnections(connection)
  }
  return info
}
