import * as fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { compileFilter } from '../streams/filters.ts'
import { eventFrame, writeEvent } from './frames.ts'
import type { StoredEvent } from './record.ts'
import { decodeBody, encodeBody, idOf, locateNames } from './record.ts'
import { batchResponse } from './responses.ts'
import { streams } from './stubs.ts'
import { putBigVarint, putVarint, Reader, varintSize } from './wire.ts'

const test = suite('the bytes')

test('given any safe integer, then its varint reads back and has the size that was said', () => {
  fc.assert(
    fc.property(fc.maxSafeNat(), (value) => {
      const buffer = Buffer.alloc(12)
      const end = putVarint(buffer, 0, value)
      assert.is(end, varintSize(value))
      assert.is(new Reader(buffer, 0, end).varint(), value)
    }),
    { examples: [[0], [127], [128], [2 ** 28], [2 ** 31], [2 ** 32], [2 ** 35 - 1], [2 ** 35], [2 ** 42]] },
  )
})

test('given any uint64, then its varint reads back', () => {
  fc.assert(
    fc.property(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), (value) => {
      const buffer = Buffer.alloc(12)
      assert.is(new Reader(buffer, 0, putBigVarint(buffer, 0, value)).big(), value)
    }),
  )
})

const event = fc.record({
  id: fc.uuid(),
  type: fc.string({ minLength: 1, unit: 'grapheme' }),
  contentType: fc.constantFrom('application/json', 'application/octet-stream'),
  data: fc.uint8Array({ maxLength: 400 }),
  metadata: fc.uint8Array({ maxLength: 200 }),
})

test('given any event, then its bytes are what the generated code reads, and what is decoded here', () => {
  fc.assert(
    fc.property(
      event,
      fc.string({ minLength: 1, maxLength: 300, unit: 'grapheme' }),
      fc.nat(),
      fc.maxSafeNat(),
      (proposed, stream, revision, position) => {
        const body = encodeBody(proposed, Buffer.from(stream), {
          revision,
          position,
          ticks: '17000000000000000',
        })
        const read = streams.ReadResp.ReadEvent.RecordedEvent.deserializeBinary(new Uint8Array(body))
        assert.is(read.getId()?.getString(), proposed.id)
        assert.is(Buffer.from(read.getStreamIdentifier()!.getStreamName_asU8()).toString(), stream)
        assert.is(read.getStreamRevision(), `${revision}`)
        assert.is(read.getCommitPosition(), `${position}`)
        assert.is(read.getMetadataMap().get('type'), proposed.type)
        assert.equal(Buffer.from(read.getData_asU8()), Buffer.from(proposed.data))
        assert.equal(Buffer.from(read.getCustomMetadata_asU8()), Buffer.from(proposed.metadata))
        const decoded = decodeBody(body)
        assert.is(decoded.stream, stream)
        assert.is(decoded.type, proposed.type)
        assert.is(decoded.revision, BigInt(revision))
        assert.equal(decoded.data, Buffer.from(proposed.data))
        assert.is(idOf(body), proposed.id)
        const names = { nameStart: 0, nameEnd: 0, typeStart: 0, typeEnd: 0 }
        locateNames(body, names)
        assert.is(body.toString('utf8', names.nameStart, names.nameEnd), stream)
        assert.is(body.toString('utf8', names.typeStart, names.typeEnd), proposed.type)
      },
    ),
  )
})

test('given any names and prefixes, then a filter says what startsWith says', () => {
  fc.assert(
    fc.property(
      fc.string({ minLength: 1, maxLength: 6, unit: fc.constantFrom('a', 'b', 'é', '-') }),
      fc.array(fc.string({ minLength: 1, maxLength: 3, unit: fc.constantFrom('a', 'b', 'é', '-') }), {
        minLength: 1,
        maxLength: 3,
      }),
      fc.constantFrom('stream' as const, 'type' as const),
      (name, prefixes, on) => {
        const proposed = {
          id: '00000000-0000-4000-8000-000000000000',
          type: on === 'type' ? name : 'other',
          contentType: 'application/json',
          data: Buffer.from('{}'),
          metadata: Buffer.alloc(0),
        }
        const body = encodeBody(proposed, Buffer.from(on === 'stream' ? name : 'other'), {
          revision: 0,
          position: 1,
          ticks: '1',
        })
        assert.is(
          compileFilter({ on, prefixes, regex: '' })(body),
          prefixes.some((prefix) => name.startsWith(prefix)),
        )
      },
    ),
  )
})

test('given an append that was written, then its answer reads as the client reads it', () => {
  fc.assert(
    fc.property(
      fc.string({ unit: 'binary', minLength: 1, maxLength: 200 }),
      fc.constantFrom(-1, -2, -4, 0, 127, 128, 2 ** 33),
      fc.record({ revision: fc.maxSafeNat(), position: fc.maxSafeNat() }),
      fc.uuid(),
      (stream, expected, { revision, position }, id) => {
        const correlation = Buffer.concat([Buffer.from([0x12, 36]), Buffer.from(id)])
        const options = { stream, expected, deadline: 0 }
        const bytes = batchResponse(correlation, options, { tag: 'appended', revision, position })
        const read = streams.BatchAppendResp.deserializeBinary(bytes)
        assert.is(read.getCorrelationId()?.getString(), id)
        assert.is(read.getSuccess()?.getCurrentRevision(), `${revision}`)
        assert.is(read.getSuccess()?.getPosition()?.getCommitPosition(), `${position}`)
        assert.is(read.getSuccess()?.getPosition()?.getPreparePosition(), `${position}`)
        assert.is(
          Buffer.from(read.getStreamIdentifier()!.getStreamName_asU8()).toString(),
          Buffer.from(stream).toString(),
        )
        assert.is(read.hasNoStream(), expected === -1)
        assert.is(read.hasAny(), expected === -2)
        assert.is(read.hasStreamExists(), expected === -4)
        assert.is(read.hasStreamPosition(), expected >= 0)
        if (expected >= 0) assert.is(read.getStreamPosition(), `${expected}`)
      },
    ),
  )
})

test('given an event, then what subscriptions are sent is made once and reads as the client reads it', () => {
  fc.assert(
    fc.property(fc.maxSafeNat(), fc.uint8Array({ maxLength: 300 }), (position, data) => {
      const proposed = {
        id: crypto.randomUUID(),
        type: 'T',
        contentType: 'application/octet-stream',
        data,
        metadata: data,
      }
      const body = encodeBody(proposed, Buffer.from('stream'), {
        revision: 7,
        position,
        ticks: '17000000000000000',
      })
      const event: StoredEvent = { position, stream: 1, revision: 7, body, head: undefined }
      const sent: Buffer[][] = []
      const call = {
        write: (...parts: Array<Buffer | undefined>) =>
          sent.push(parts.filter((part) => part !== undefined)) > 0,
      }
      writeEvent(call, event, 'string')
      writeEvent(call, event, 'string')
      assert.is(sent[0]![0], sent[1]![0])
      assert.is(sent[0]![1], body)
      const bytes = Buffer.concat(sent[0]!)
      assert.equal(bytes, eventFrame(event, 'string'))
      const read = streams.ReadResp.deserializeBinary(bytes).getEvent()
      assert.is(read?.getCommitPosition(), `${position}`)
      assert.is(read?.getEvent()?.getId()?.getString(), proposed.id)
      assert.equal(Buffer.from(read!.getEvent()!.getData_asU8()), Buffer.from(data))
      assert.is(eventFrame(event, 'structured').length < bytes.length, true)
    }),
  )
})

test('given bytes that are cut short or wild, then reading throws, and never loops', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
      const reader = new Reader(Buffer.from(bytes))
      try {
        while (reader.more()) reader.skip(reader.varint())
      } catch (error) {
        assert.instance(error, RangeError)
      }
    }),
  )
})

test.run()
