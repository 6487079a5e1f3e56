/** What clients ask before anything else: which calls the node has, and who leads. */

import { features, gossip, shared } from '../protocol/stubs.ts'
import type { Call } from './grpc.ts'

/** The version of the real server whose behaviour this node has. */
export const SERVER_VERSION = '24.10.0'

/** What a call can do that it could not always: clients ask for it by these words. */
const featuresOf = (service: string, method: string): ReadonlyArray<string> => {
  if (service.endsWith('.persistentsubscriptions')) return ['stream', 'all']
  if (service.endsWith('.streams') && method === 'read') return ['position', 'events']
  if (service.endsWith('.streams') && method === 'batchappend') return ['deadline_duration']
  if (service.endsWith('.projections') && method === 'create') return ['track_emitted_streams']
  return []
}

/** `paths`: `/package.Service/Method` of every call that the node answers. */
export const supportedMethods =
  (paths: ReadonlyArray<string>) => (): InstanceType<typeof features.SupportedMethods> => {
    const answer = new features.SupportedMethods()
    answer.setEventStoreServerVersion(SERVER_VERSION)
    for (const path of paths) {
      // In lower case, as the real server names them: there are clients that compare them as they are.
      const [, service = '', method = ''] = path.toLowerCase().split('/')
      const supported = new features.SupportedMethod()
      supported.setServiceName(service)
      supported.setMethodName(method)
      supported.setFeaturesList([...featuresOf(service, method)])
      answer.addMethods(supported)
    }
    return answer
  }

/** Where the client found the node: what it listens on may be no address (0.0.0.0), or not the one that leads there. */
const askedAt = (authority: string | undefined): { host: string; port: number } | undefined => {
  const match = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(authority ?? '')
  return match === null ? undefined : { host: (match[1] ?? match[2])!, port: Number(match[3]) }
}

/** A cluster of one, which leads. Clients are told to connect to where they asked, or else to `address`. */
export const gossipRead =
  (instanceId: string, address: () => { host: string; port: number }) =>
  (_request: unknown, call: Call): InstanceType<typeof gossip.ClusterInfo> => {
    const { host, port } = askedAt(call.headers[':authority']) ?? address()
    const endpoint = new gossip.EndPoint()
    endpoint.setAddress(host)
    endpoint.setPort(port)
    const id = new shared.UUID()
    id.setString(instanceId)
    const member = new gossip.MemberInfo()
    member.setInstanceId(id)
    member.setTimeStamp(`${Date.now()}0000`)
    member.setState(gossip.MemberInfo.VNodeState.LEADER)
    member.setIsAlive(true)
    member.setHttpEndPoint(endpoint)
    const info = new gossip.ClusterInfo()
    info.addMembers(member)
    return info
  }
