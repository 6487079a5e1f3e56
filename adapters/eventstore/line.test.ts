import http2 from 'node:http2'
import type { AddressInfo } from 'node:net'
import { EventStoreDBClient } from '@eventstore/db-client'
import gossipService from '@eventstore/db-client/generated/gossip_grpc_pb.js'
import gossip from '@eventstore/db-client/generated/gossip_pb.js'
import shared from '@eventstore/db-client/generated/shared_pb.js'
import * as grpc from '@grpc/grpc-js'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type TestEventStore, testEventStore } from '../../infra/testing/eventstore.ts'
import { startProxy } from '../../infra/testing/proxy.ts'
import { connectEventLog } from './index.ts'
import { inside, urlOfGeneration, urlOfNode } from './line.ts'
import { must, someEvents, until } from './testing/helpers.ts'

type Context = { node: TestEventStore }
const lines = suite<Context>('lines')
lines.before(async (context) => {
  context.node = await testEventStore()
})
lines.after(async ({ node }) => {
  await node.stop()
})
const quick = { appendTimeoutMs: 300, readTimeoutMs: 300, connectTimeoutMs: 3_000, heartbeatMs: 400 }

lines('given this version of the client, then everything that a connection uses of it exists', () => {
  const client = inside(EventStoreDBClient.connectionString('esdb://127.0.0.1:9?tls=false'))
  assert.type(client.getChannel, 'function')
  const [metadata, options] = client.callArguments(
    { requiresLeader: true },
    { deadline: Number.POSITIVE_INFINITY },
  )
  assert.equal(metadata.get('requires-leader'), ['true'])
  assert.is(options.deadline, Number.POSITIVE_INFINITY)
})

lines(
  'given a connection string, then each connection gets its own version of it, and nothing else in it differs',
  () => {
    assert.is(urlOfGeneration('esdb://a:1', 3), 'esdb://a:1?keepAliveTimeout=10003')
    assert.is(urlOfGeneration('esdb://a:1?tls=false', 3), 'esdb://a:1?tls=false&keepAliveTimeout=10003')
    assert.is(
      urlOfGeneration('esdb://a?keepAliveTimeout=20000&tls=false', 3),
      'esdb://a?keepAliveTimeout=20003&tls=false',
    )
  },
)

lines('given the leader’s address, then the connection string for it keeps credentials and options', () => {
  const leader = { host: 'node-2', port: 2114 }
  assert.is(
    urlOfNode('esdb+discover://admin:ch%40nge@a:1,b:2?tls=true', leader),
    'esdb://admin:ch%40nge@node-2:2114?tls=true',
  )
  assert.is(urlOfNode('esdb://a:1,b:2,c:3', leader), 'esdb://node-2:2114')
  assert.is(urlOfNode('esdb://a:1,b:2', { host: 'fd00::2', port: 2114 }), 'esdb://[fd00::2]:2114')
})

lines(
  'given a server with much to send, then it may send a page of events before any of it is taken',
  async () => {
    const server = http2.createServer()
    const sessions: http2.ServerHttp2Session[] = []
    server.on('session', (session) => sessions.push(session))
    server.on('stream', (stream) => stream.on('error', () => {}))
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as AddressInfo
    const log = connectEventLog({ url: `esdb://127.0.0.1:${port}?tls=false`, ...quick })
    try {
      // What one call may be sent, and what all calls of the connection.
      await until(
        'the window of a call',
        () => sessions[0]?.remoteSettings?.initialWindowSize === 2 * 1024 * 1024,
      )
      await until(
        'the window of the connection',
        () => sessions[0]?.state.remoteWindowSize === 2 * 1024 * 1024,
      )
    } finally {
      await log.close()
      for (const session of sessions) session.destroy()
      await new Promise((resolve) => server.close(resolve))
    }
  },
)

lines('given an invalid connection string, then the error comes at once', () => {
  assert.throws(() => connectEventLog({ url: 'postgres://x' }), /esdb/)
})

for (const form of ['discover', 'several hosts'] as const)
  lines(
    `given a cluster (${form}), then the leader is found, and found again when it changes`,
    async ({ node }) => {
      const first = await startProxy({ targetPort: node.port })
      const second = await startProxy({ targetPort: node.port })
      let leader = first
      const server = new grpc.Server()
      server.addService(gossipService.GossipService as unknown as grpc.ServiceDefinition, {
        read: (_: unknown, answer: grpc.sendUnaryData<InstanceType<typeof gossip.ClusterInfo>>) => {
          const info = new gossip.ClusterInfo()
          for (const [proxy, name] of [
            [first, '00000000-0000-4000-8000-000000000001'],
            [second, '00000000-0000-4000-8000-000000000002'],
          ] as const) {
            const member = new gossip.MemberInfo()
            const id = new shared.UUID()
            id.setString(name)
            member.setInstanceId(id)
            member.setTimeStamp('1')
            member.setIsAlive(true)
            const { LEADER, FOLLOWER } = gossip.MemberInfo.VNodeState
            member.setState(proxy === leader ? LEADER : FOLLOWER)
            const endpoint = new gossip.EndPoint()
            endpoint.setAddress('127.0.0.1')
            endpoint.setPort(proxy.port)
            member.setHttpEndPoint(endpoint)
            info.addMembers(member)
          }
          answer(null, info)
        },
      })
      const port = await new Promise<number>((resolve, reject) =>
        server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, at) =>
          error === null ? resolve(at) : reject(error),
        ),
      )
      const url =
        form === 'discover'
          ? `esdb+discover://127.0.0.1:${port}?tls=false`
          : `esdb://127.0.0.1:9,127.0.0.1:${port}?tls=false`
      const log = connectEventLog({ url, ...quick })
      must(await log.append('chat-cluster', 'any', someEvents(1))())
      assert.ok(first.connections() > 0)
      assert.is(second.connections(), 0)
      leader = second
      first.refuse()
      first.reset()
      await until('the log is down', () => log.health().state === 'down')
      must(await log.append('chat-cluster', 'any', someEvents(1))())
      assert.ok(second.connections() > 0)
      await log.close()
      server.forceShutdown()
      await first.close()
      await second.close()
    },
  )

lines.run()
