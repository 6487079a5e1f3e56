import { randomUUID } from 'node:crypto'
import shared from '@eventstore/db-client/generated/shared_pb.js'
import status from '@eventstore/db-client/generated/status_pb.js'
import streams from '@eventstore/db-client/generated/streams_pb.js'
import any from 'google-protobuf/google/protobuf/any_pb.js'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { GivenLately } from '../../domain/ports.ts'
import {
  decodeAppend,
  decodeRead,
  encodeAppend,
  encodeRead,
  type ReadBeside,
  type ReadRequest,
} from './wire.ts'

const { BatchAppendReq, BatchAppendResp, ReadReq, ReadResp } = streams
const wire = suite('the wire format, against the client’s own generated classes')

const uuid = (id: string) => {
  const message = new shared.UUID()
  message.setString(id)
  return message
}
const named = (stream: string) => {
  const message = new shared.StreamIdentifier()
  message.setStreamName(Buffer.from(stream).toString('base64'))
  return message
}
const asRead = (request: ReadRequest) => ReadReq.deserializeBinary(encodeRead(request)).getOptions()!

wire('given a read of a stream, then the server sees its name, revision, direction and count', () => {
  const options = asRead({
    from: { stream: 'space-post:äöü/x', revision: 2n ** 63n },
    backwards: true,
    count: 300,
  })
  assert.is(
    Buffer.from(options.getStream()!.getStreamIdentifier()!.getStreamName_asU8()).toString(),
    'space-post:äöü/x',
  )
  assert.is(String(options.getStream()!.getRevision()), (2n ** 63n).toString())
  assert.is(options.getReadDirection(), 1)
  assert.is(String(options.getCount()), '300')
  assert.ok(options.hasNoFilter())
  assert.ok(options.getUuidOption()!.hasString())
})

wire(
  'given a subscription from a place, then the server sees both its positions, the prefixes and the window',
  () => {
    const options = asRead({
      from: { all: { commit: 9_007_199_254_740_993n, prepare: 5n } },
      prefixes: ['space-', 'chat-'],
      window: 500,
    })
    const position = options.getAll()!.getPosition()!
    assert.is(String(position.getCommitPosition()), '9007199254740993')
    assert.is(String(position.getPreparePosition()), '5')
    assert.ok(options.hasSubscription())
    assert.equal(options.getFilter()!.getStreamIdentifier()!.getPrefixList(), ['space-', 'chat-'])
    assert.is(options.getFilter()!.getMax(), 500)
    assert.is(options.getFilter()!.getCheckpointintervalmultiplier(), 1)
    for (const end of ['start', 'end'] as const) {
      const all = asRead({ from: { all: end } }).getAll()!
      assert.is(all.hasStart(), end === 'start')
      assert.is(all.hasEnd(), end === 'end')
    }
  },
)

wire('given an append, then the server sees its events, their order, and no deadline by the clock', () => {
  const events = [0, 1, 2].map((n) => ({
    id: randomUUID(),
    type: `Type${n}`,
    data: { n, text: 'żółw 🐢' },
    metadata: n === 1 ? undefined : { at: n },
  }))
  const [request, ...more] = encodeAppend({ line: 7n, number: 300 }, 'chat-x', 41n, events)
  assert.is(more.length, 0)
  const message = BatchAppendReq.deserializeBinary(request!)
  assert.is(String(message.getCorrelationId()!.getStructured()!.getLeastSignificantBits()), '300')
  assert.is(String(message.getCorrelationId()!.getStructured()!.getMostSignificantBits()), '7')
  assert.is(String(message.getOptions()!.getStreamPosition()), '41')
  assert.not.ok(message.getOptions()!.hasDeadline())
  assert.ok(message.getIsFinal())
  assert.equal(
    message.getProposedMessagesList().map((proposed) => ({
      id: proposed.getId()!.getString(),
      type: proposed.getMetadataMap().get('type'),
      content: proposed.getMetadataMap().get('content-type'),
      data: JSON.parse(Buffer.from(proposed.getData_asU8()).toString()),
      metadata: Buffer.from(proposed.getCustomMetadata_asU8()).toString(),
    })),
    events.map((event) => ({
      id: event.id,
      type: event.type,
      content: 'application/json',
      data: event.data,
      metadata: event.metadata === undefined ? '' : JSON.stringify(event.metadata),
    })),
  )
})

wire(
  'given an append of many megabytes, then it is sent in several requests, in order, of which the last is final',
  () => {
    const events = Array.from({ length: 12 }, (_, n) => ({
      id: randomUUID(),
      type: 'Large',
      data: { n, filling: 'x'.repeat(1_000_000) },
      metadata: {},
    }))
    const requests = encodeAppend({ line: 7n, number: 1 }, 'chat-x', 'none', events).map((bytes) =>
      BatchAppendReq.deserializeBinary(bytes),
    )
    assert.ok(requests.length > 2)
    assert.equal(
      requests.map((request) => request.getIsFinal()),
      requests.map((_, index) => index === requests.length - 1),
    )
    assert.equal(
      requests.map((request) => request.hasOptions()),
      requests.map((_, index) => index === 0),
    )
    const ids = requests.flatMap((request) =>
      request.getProposedMessagesList().map((m) => m.getId()!.getString()),
    )
    assert.equal(
      ids,
      events.map((event) => event.id),
    )
  },
)

const recorded = (contentType: string, data: Buffer, metadata: Buffer, beside?: ReadBeside) => {
  const message = new ReadResp.ReadEvent.RecordedEvent()
  message.setId(uuid('6f1c1f5e-0000-4000-8000-00000000002a'))
  message.setStreamIdentifier(named('chat-post:alice/żółw'))
  message.setStreamRevision('41')
  message.setCommitPosition('9007199254740993')
  message.setPreparePosition('18446744073709551615')
  message.getMetadataMap().set('type', 'MessagePosted')
  message.getMetadataMap().set('content-type', contentType)
  message.getMetadataMap().set('created', '17000000000001234')
  message.setCustomMetadata(metadata)
  message.setData(data)
  const event = new ReadResp.ReadEvent()
  event.setEvent(message)
  event.setCommitPosition('9007199254740993')
  const response = new ReadResp()
  response.setEvent(event)
  return decodeRead(Buffer.from(response.serializeBinary()), beside)
}

wire('given a recorded event, then all of it is read, with exact positions', () => {
  const reading = recorded('application/json', Buffer.from('{"text":"🐢"}'), Buffer.from('{"at":1}'))
  assert.equal(reading, {
    kind: 'event',
    place: { commit: 9_007_199_254_740_993n, prepare: 18_446_744_073_709_551_615n },
    event: {
      id: '6f1c1f5e-0000-4000-8000-00000000002a',
      type: 'MessagePosted',
      stream: 'chat-post:alice/żółw',
      revision: 41n,
      position: 9_007_199_254_740_993n,
      created: new Date(1_700_000_000_000),
      data: { text: '🐢' },
      metadata: { at: 1 },
    },
  })
})

wire('given what was appended under the same id, then the event has that, and is not parsed', () => {
  const [text, given] = [
    Buffer.from('{"text":"on the log"}'),
    { data: { text: 'given' }, metadata: { at: 1 } },
  ]
  const asked: string[][] = []
  const take: GivenLately = (...by) => {
    asked.push(by)
    return given
  }
  const own = recorded('application/json', text, Buffer.from('nope'), { given: take })
  assert.ok(own.kind === 'event')
  assert.is(own.event.data, given.data)
  assert.is(own.event.metadata, given.metadata)
  assert.is(own.event.revision, 41n)
  assert.equal(asked, [['6f1c1f5e-0000-4000-8000-00000000002a', 'chat-post:alice/żółw', 'MessagePosted']])
  const others = recorded('application/json', text, Buffer.from('{}'), { given: () => undefined })
  assert.equal(others.kind === 'event' && others.event.data, { text: 'on the log' })
})

wire('given an event of a stream that nobody wants, then only its place is read', () => {
  const asked: string[] = []
  const wants = (stream: string): boolean => {
    asked.push(stream)
    return false
  }
  const reading = recorded('application/json', Buffer.from('nope'), Buffer.from('nope'), { wants })
  assert.equal(reading, {
    kind: 'passed',
    place: { commit: 9_007_199_254_740_993n, prepare: 18_446_744_073_709_551_615n },
    event: {
      id: '6f1c1f5e-0000-4000-8000-00000000002a',
      stream: 'chat-post:alice/żółw',
      revision: 41n,
      position: 9_007_199_254_740_993n,
    },
  })
  assert.equal(asked, ['chat-post:alice/żółw'])
})

wire('given an event that is not JSON, then its bytes come unchanged', () => {
  const binary = recorded('application/octet-stream', Buffer.from([1, 2, 255]), Buffer.alloc(0))
  assert.ok(binary.kind === 'event')
  assert.is(binary.event.data, 'data:application/octet-stream;base64,AQL/')
  assert.is(binary.event.metadata, undefined)
  const broken = recorded('application/json', Buffer.from('{"a":'), Buffer.from('nope'))
  assert.ok(broken.kind === 'event')
  assert.is(broken.event.data, '{"a":')
  assert.is(broken.event.metadata, 'nope')
})

wire('given the other messages of a read, then each is recognised', () => {
  const kinds = (
    [
      [
        'confirmation',
        (r: InstanceType<typeof ReadResp>) => r.setConfirmation(new ReadResp.SubscriptionConfirmation()),
      ],
      [
        'stream-not-found',
        (r: InstanceType<typeof ReadResp>) => r.setStreamNotFound(new ReadResp.StreamNotFound()),
      ],
      ['caught-up', (r: InstanceType<typeof ReadResp>) => r.setCaughtUp(new ReadResp.CaughtUp())],
      ['fell-behind', (r: InstanceType<typeof ReadResp>) => r.setFellBehind(new ReadResp.FellBehind())],
      ['other', (r: InstanceType<typeof ReadResp>) => r.setLastStreamPosition('3')],
    ] as const
  ).map(([kind, fill]) => {
    const response = new ReadResp()
    fill(response)
    return [kind, decodeRead(Buffer.from(response.serializeBinary())).kind]
  })
  for (const [expected, actual] of kinds) assert.is(actual, expected)
  const checkpoint = new ReadResp.Checkpoint()
  checkpoint.setCommitPosition('12')
  checkpoint.setPreparePosition('11')
  const response = new ReadResp()
  response.setCheckpoint(checkpoint)
  assert.equal(decodeRead(Buffer.from(response.serializeBinary())), {
    kind: 'checkpoint',
    place: { commit: 12n, prepare: 11n },
  })
})

const answer = (fill: (response: InstanceType<typeof BatchAppendResp>) => void, id = uuid('x')) => {
  const response = new BatchAppendResp()
  response.setCorrelationId(id)
  fill(response)
  return decodeAppend(Buffer.from(response.serializeBinary()), 0xff00000000000001n)
}

wire('given an answer to an append, then its request is found by either form of id', () => {
  const structured = new shared.UUID()
  const bits = new shared.UUID.Structured()
  bits.setMostSignificantBits(BigInt.asIntN(64, 0xff00000000000001n).toString())
  bits.setLeastSignificantBits('300')
  structured.setStructured(bits)
  const success = new BatchAppendResp.Success()
  success.setCurrentRevision('0')
  const position = new shared.AllStreamPosition()
  position.setCommitPosition('77')
  position.setPreparePosition('77')
  success.setPosition(position)
  const expected = { number: 300, result: { ok: true, revision: 0n, place: { commit: 77n, prepare: 77n } } }
  assert.equal(
    answer((r) => r.setSuccess(success), structured),
    expected,
  )
  assert.equal(
    answer((r) => r.setSuccess(success), uuid('ff000000-0000-0001-0000-00000000012c')),
    expected,
  )
  assert.is(answer((r) => r.setSuccess(success), uuid('ff000000-0000-0002-0000-00000000012c')).number, null)
})

wire('given a refused append, then its reason and the revision that the stream is at are read', () => {
  const refused = (type: string, value: Uint8Array) => {
    const details = new any.Any()
    details.setTypeUrl(`type.googleapis.com/event_store.client.${type}`)
    details.setValue(value)
    const error = new status.Status()
    error.setMessage('no')
    error.setDetails(details)
    return answer((r) => r.setError(error)).result
  }
  const wrong = new shared.WrongExpectedVersion()
  wrong.setCurrentStreamRevision('12')
  wrong.setExpectedStreamPosition('3')
  const base = { ok: false, message: 'no', actual: null, maxBytes: 0 }
  assert.equal(refused('WrongExpectedVersion', wrong.serializeBinary()), {
    ...base,
    detail: 'WrongExpectedVersion',
    actual: 12n,
  })
  const none = new shared.WrongExpectedVersion()
  none.setCurrentNoStream(new (shared as never as { Empty: new () => never }).Empty())
  assert.equal(refused('WrongExpectedVersion', none.serializeBinary()), {
    ...base,
    detail: 'WrongExpectedVersion',
  })
  const large = new shared.MaximumAppendSizeExceeded()
  large.setMaxappendsize(1_048_576)
  assert.equal(refused('MaximumAppendSizeExceeded', large.serializeBinary()), {
    ...base,
    detail: 'MaximumAppendSizeExceeded',
    maxBytes: 1_048_576,
  })
})

wire('given bytes that are not such a message, then reading throws and does not go beyond them', () => {
  assert.throws(() => decodeRead(Buffer.from([10, 200, 1, 2])))
  assert.throws(() => decodeRead(Buffer.from([255])))
})

wire.run()
