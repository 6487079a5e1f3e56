/** What clients ask before anything else: which calls the node has, and who leads. */

import { features, gossip, shared } from '../protocol/stubs.ts'
import type { Call } from './grpc.ts'

/** The version of the real server whose behaviour this node has. */
export const SERVER_VERSION = '24.10.0'

/** `paths`: `/package.Service/Method` of every call that the node answers. */
export const supportedMethods =
  (paths: ReadonlyArray<string>) => (): InstanceType<typeof features.SupportedMethods> => {
    const answer = new features.SupportedMethods()
    answer.setEventStoreServerVersion(SERVER_VERSION)
    for (const path of paths) {
      const [, service = '', method = ''] = path.split('/')
      const supported = new features.SupportedMethod()
      supported.setServiceName(service)
      supported.setMethodName(method.toLowerCase())
      supported.setFeaturesList(path.includes('.PersistentSubscriptions/') ? ['stream', 'all'] : [])
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
