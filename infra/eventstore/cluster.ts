/** What clients ask before anything else: which calls the node has, and who leads. */
import type { ServerUnaryCall, sendUnaryData } from '@grpc/grpc-js'
import { features, gossip, shared } from './stubs.ts'

/** The version of the real server whose behaviour this node has. */
export const SERVER_VERSION = '24.10.0'

type Method = { readonly service: string; readonly method: string; readonly features?: ReadonlyArray<string> }

export const supportedMethods =
  (methods: ReadonlyArray<Method>) =>
  (
    _call: ServerUnaryCall<unknown, InstanceType<typeof features.SupportedMethods>>,
    callback: sendUnaryData<InstanceType<typeof features.SupportedMethods>>,
  ): void => {
    const answer = new features.SupportedMethods()
    answer.setEventStoreServerVersion(SERVER_VERSION)
    for (const { service, method, features: names = [] } of methods) {
      const supported = new features.SupportedMethod()
      supported.setServiceName(service)
      supported.setMethodName(method)
      supported.setFeaturesList([...names])
      answer.addMethods(supported)
    }
    callback(null, answer)
  }

/** A cluster of one, which leads. `address` is what clients are told to connect to. */
export const gossipRead =
  (instanceId: string, address: () => { host: string; port: number }) =>
  (
    _call: ServerUnaryCall<unknown, InstanceType<typeof gossip.ClusterInfo>>,
    callback: sendUnaryData<InstanceType<typeof gossip.ClusterInfo>>,
  ): void => {
    const { host, port } = address()
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
    callback(null, info)
  }
