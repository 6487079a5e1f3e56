import * as assert from 'uvu/assert'
import { contract, type Kit, unique, until } from './kit.ts'

const link = (kit: Kit, to: string) => kit.lib.binaryEvent({ type: '$>', data: Buffer.from(to) })

contract('links', (test) => {
  test('given a link, when not resolved, then the link itself', async (kit) => {
    const [target, links] = [unique(), unique()]
    await kit.append(target, kit.events(1))
    await kit.append(links, [link(kit, `0@${target}`)])
    const [read] = await kit.read(links)
    assert.is(read!.event!.type, '$>')
    assert.is(read!.link, undefined)
  })
  test('given a link, when resolved, then what it points to, and the link', async (kit) => {
    const [target, links] = [unique(), unique()]
    await kit.append(target, kit.events(3))
    await kit.append(links, [link(kit, `2@${target}`)])
    const [read] = await kit.read(links, { resolveLinkTos: true })
    assert.is(read!.event!.streamId, target)
    assert.is(read!.event!.revision, 2n)
    assert.is(read!.link!.streamId, links)
    assert.is(read!.link!.revision, 0n)
  })
  test('given a link to a missing event, when resolved, then only the link', async (kit) => {
    const [target, links] = [unique(), unique()]
    await kit.append(target, kit.events(1))
    await kit.append(links, [link(kit, `0@${target}`), link(kit, `9@${target}`)])
    await kit.client.deleteStream(target)
    const read = await kit.read(links, { resolveLinkTos: true })
    assert.is(read.length, 2)
    assert.ok(read.every(({ event, link }) => event === undefined && link?.streamId === links))
  })
  test('given links to what is truncated, tombstoned or too old, when resolved, then the links alone', async (kit) => {
    const [cut, dead, old, links] = [unique(), unique(), unique(), unique()]
    for (const target of [cut, dead, old]) await kit.append(target, kit.events(2))
    await kit.append(links, [
      link(kit, `0@${cut}`),
      link(kit, `1@${cut}`),
      link(kit, `0@${dead}`),
      link(kit, `0@${old}`),
    ])
    await kit.client.setStreamMetadata(cut, { truncateBefore: 1 })
    await kit.client.tombstoneStream(dead)
    await kit.client.setStreamMetadata(old, { maxAge: 1 })
    await until(async () => (await kit.read(old)).length === 0)
    const read = await kit.read(links, { resolveLinkTos: true })
    assert.equal(
      read.map(({ event }) => event?.streamId),
      [undefined, cut, undefined, undefined],
    )
    assert.ok(read.every((one) => one.link?.streamId === links))
  })
  test('given a link, when a subscription resolves, then what it points to', async (kit) => {
    const [target, links] = [unique(), unique()]
    await kit.append(target, kit.events(1))
    const subscription = kit.client.subscribeToStream(links, { resolveLinkTos: true })
    const seen: Array<string | undefined> = []
    subscription.on('data', ({ event, link }) => seen.push(event?.streamId, link?.streamId))
    await kit.append(links, [link(kit, `0@${target}`)])
    await until(() => seen.length === 2)
    assert.equal(seen, [target, links])
    await subscription.unsubscribe()
  })
  test('given a link that names no event, when resolved, then the link itself', async (kit) => {
    const links = unique()
    await kit.append(links, [link(kit, 'nowhere'), link(kit, 'x@y')])
    const read = await kit.read(links, { resolveLinkTos: true })
    assert.equal(
      read.map(({ event, link }) => [event?.type, event?.streamId, link]),
      [
        ['$>', links, undefined],
        ['$>', links, undefined],
      ],
    )
  })
  test('given plain events, when resolved, then they have no link', async (kit) => {
    const stream = unique()
    await kit.append(stream, kit.events(2))
    const read = await kit.read(stream, { resolveLinkTos: true })
    assert.ok(read.every(({ event, link }) => event !== undefined && link === undefined))
  })
})
