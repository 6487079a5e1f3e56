/** The protocol's generated code, from the client's own package: nothing of it is copied here. */
import { createRequire } from 'node:module'

const require = createRequire(import.meta.url)
const load = <T>(name: string): T => require(`@eventstore/db-client/generated/${name}.js`) as T

export const streams = load<typeof import('@eventstore/db-client/generated/streams_pb.js')>('streams_pb')
export const shared = load<typeof import('@eventstore/db-client/generated/shared_pb.js')>('shared_pb')
export const gossip = load<typeof import('@eventstore/db-client/generated/gossip_pb.js')>('gossip_pb')
export const features =
  load<typeof import('@eventstore/db-client/generated/serverfeatures_pb.js')>('serverfeatures_pb')

export const { StreamsService } =
  load<typeof import('@eventstore/db-client/generated/streams_grpc_pb.js')>('streams_grpc_pb')
export const { GossipService } =
  load<typeof import('@eventstore/db-client/generated/gossip_grpc_pb.js')>('gossip_grpc_pb')
export const { ServerFeaturesService } =
  load<typeof import('@eventstore/db-client/generated/serverfeatures_grpc_pb.js')>('serverfeatures_grpc_pb')

export const persistent =
  load<typeof import('@eventstore/db-client/generated/persistent_pb.js')>('persistent_pb')
export const { PersistentSubscriptionsService } =
  load<typeof import('@eventstore/db-client/generated/persistent_grpc_pb.js')>('persistent_grpc_pb')

export const users = load<typeof import('@eventstore/db-client/generated/users_pb.js')>('users_pb')
export const { UsersService } =
  load<typeof import('@eventstore/db-client/generated/users_grpc_pb.js')>('users_grpc_pb')
export const operations =
  load<typeof import('@eventstore/db-client/generated/operations_pb.js')>('operations_pb')
export const { OperationsService } =
  load<typeof import('@eventstore/db-client/generated/operations_grpc_pb.js')>('operations_grpc_pb')
export const projections =
  load<typeof import('@eventstore/db-client/generated/projections_pb.js')>('projections_pb')
export const { ProjectionsService } =
  load<typeof import('@eventstore/db-client/generated/projections_grpc_pb.js')>('projections_grpc_pb')
export const struct =
  require('google-protobuf/google/protobuf/struct_pb.js') as typeof import('google-protobuf/google/protobuf/struct_pb.js')
