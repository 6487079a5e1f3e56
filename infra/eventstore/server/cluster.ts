/** Answers what clients ask first: which calls the node has, and which node leads. */

import { features, gossip, shared } from '../protocol/stubs.ts'
import type { Call } from './grpc.ts'

/** The version of the real server whose behaviour this node has. */
export const SERVER_VERSION = '24.10.0'

/** Features of calls that older servers lack, by the words that clients ask for. */
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
      // In lower case, as the real server names them: some clients compare them exactly.
      const [, service = '', method = ''] = path.toLowerCase().split('/')
      const supported = new features.SupportedMethod()
      supported.setServiceName(service)
      supported.setMethodName(method)
      supported.setFeaturesList([...featuresOf(service, method)])
      answer.addMethods(supported)
    }
    return answer
  }

/** The address by which the client reached the node: what it listens on may not be an address (0.0.0.0), or not one
 *  that the client can reach. */
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
