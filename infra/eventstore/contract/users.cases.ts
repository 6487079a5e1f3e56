import * as assert from 'uvu/assert'
import { type Add, type Credentials, contract, failure, type Kit, unique, until } from './kit.ts'
import { inside, refusalOf, text, type WireField } from './raw.ts'

const SERVICE = '/event_store.client.users.Users'
const list = (number: number, values: ReadonlyArray<string>): WireField[] =>
  values.map((value) => [number, value] as const)

const createUser = async (
  kit: Kit,
  groups: ReadonlyArray<string> = [],
  login = unique('user'),
): Promise<Credentials> => {
  const password = 'open sesame'.replace(' ', '-')
  await kit.raw.call(`${SERVICE}/Create`, [
    [1, [[1, login], [2, password], [3, 'Somebody'], ...list(4, groups)]],
  ])
  return { username: login, password }
}
const about = (kit: Kit, method: string, login: string): Promise<unknown> =>
  kit.raw.call(`${SERVICE}/${method}`, [[1, [[1, login]]]])
const detailsOf = async (kit: Kit, login: string) =>
  (await kit.raw.stream(`${SERVICE}/Details`, [[1, login === '' ? [] : [[1, login]]]])).map((message) =>
    inside(message, 1),
  )

/** Refused, whichever status the server uses: clients report both as access-denied. */
const denied = async (promise: Promise<unknown>): Promise<void> =>
  assert.is((await failure(promise)).type, 'access-denied')

const setAcl = (kit: Kit, stream: string, acl: object): Promise<unknown> =>
  kit.client.setStreamMetadata(stream, { acl } as never)

const administrators = (test: Add): void => {
  test('given an administrator who knows another’s password, when it is changed, then the new one holds', async (kit) => {
    const { username, password } = await createUser(kit)
    const changing = (current: string) =>
      kit.raw.call(`${SERVICE}/ChangePassword`, [
        [
          1,
          [
            [1, username],
            [2, current],
            [3, 'changed-by-admin'],
          ],
        ],
      ])
    assert.is(await refusalOf(changing('not-it')), 'access-denied')
    await changing(password)
    const user = kit.as({ username, password: 'changed-by-admin' })
    await user.raw.call(`${SERVICE}/ChangePassword`, [
      [
        1,
        [
          [1, username],
          [2, 'changed-by-admin'],
          [3, password],
        ],
      ],
    ])
  })
  test('given a fresh node, then $all has who its users are, with no password', async (kit) => {
    const read = await kit.readAll({ maxCount: 20 })
    const told = read.filter(({ event }) => event!.streamId === '$users' || event!.streamId === '$user-admin')
    assert.ok(told.length >= 2)
    assert.not.ok(JSON.stringify(told.map(({ event }) => event!.data)).includes(kit.credentials.password))
  })
}

const builtIn = (test: Add): void => {
  test('given a fresh node, then admin and ops are there, named and grouped as on the real server', async (kit) => {
    const users = await detailsOf(kit, '')
    const told = users.map((user) => [text(user, 1), text(user, 2), text(user, 3)])
    assert.ok(told.some((one) => one.join() === 'admin,Event Store Administrator,$admins'))
    assert.ok(told.some((one) => one.join() === 'ops,Event Store Operations,$ops'))
  })
  test('given ops, whose password nobody has set, then the default password of the real server does not let them in', async (kit) => {
    await denied(kit.as({ username: 'ops', password: 'changeit' }).read(unique()))
  })
}

const credentials = (test: Add): void => {
  test('given admin, then appends and reads are accepted', async (kit) => {
    const stream = unique()
    await kit.append(stream, kit.events(2))
    assert.is((await kit.read(stream)).length, 2)
  })
  test('given credentials with the call, then they count instead of the connection’s', async (kit) => {
    const stream = unique()
    const nobody = kit.as(null)
    await denied(nobody.append(stream, kit.events(1)))
    const { username, password } = await createUser(kit)
    await nobody.append(stream, kit.events(1), 'any', { credentials: { username, password } })
    assert.is((await kit.read(stream)).length, 1)
  })
  test('given credentials with the call, then reads, metadata, deletions and subscriptions go by them', async (kit) => {
    const stream = unique()
    await kit.append(stream, kit.events(2))
    const nobody = kit.as(null)
    const credentials = await createUser(kit)
    assert.is((await nobody.read(stream, { credentials })).length, 2)
    await denied(nobody.readAll({ maxCount: 1, credentials }))
    assert.is((await nobody.readAll({ maxCount: 1, credentials: kit.credentials })).length, 1)
    await nobody.client.setStreamMetadata(stream, { maxCount: 5 }, { credentials })
    const subscription = nobody.client.subscribeToStream(stream, { credentials })
    let count = 0
    subscription.on('data', () => count++)
    await until(() => count === 2)
    await subscription.unsubscribe()
    await nobody.client.deleteStream(stream, { credentials })
    await denied(nobody.client.tombstoneStream(stream))
  })
  test('given wrong credentials with the call, then it is refused, whoever the connection belongs to', async (kit) => {
    const stream = unique()
    await kit.append(stream, kit.events(1))
    const credentials = { username: kit.credentials.username, password: 'guess' }
    await denied(kit.append(stream, kit.events(1), 'any', { credentials }))
    await denied(kit.read(stream, { credentials }))
    await denied(kit.client.deleteStream(stream, { credentials }))
    assert.is((await kit.read(stream)).length, 1)
  })
  test('given no credentials, then appends, reads, deletions and subscriptions are refused', async (kit) => {
    const stream = unique()
    await kit.append(stream, kit.events(1))
    const nobody = kit.as(null)
    await denied(nobody.append(stream, kit.events(1)))
    await denied(nobody.read(stream))
    await denied(nobody.readAll())
    await denied(nobody.client.deleteStream(stream))
    await denied(nobody.client.getProjectionState('$by_category'))
    await denied(nobody.client.getProjectionResult('$by_category'))
    await denied(nobody.client.getProjectionStatus('$by_category'))
    await denied(nobody.client.tombstoneStream(stream))
    assert.is((await kit.read(stream)).length, 1)
  })
  test('given a wrong password, then it is refused', async (kit) => {
    const wrong = kit.as({ username: 'admin', password: 'guess' })
    await denied(wrong.append(unique(), kit.events(1)))
    await denied(wrong.read(unique()))
  })
  test('given an unknown name, then it is refused', async (kit) => {
    await denied(kit.as({ username: unique('who'), password: 'x' }).append(unique(), kit.events(1)))
  })
}

const whatUsersMay = (test: Add): void => {
  test('given a user, then they append, read and delete ordinary streams', async (kit) => {
    const user = kit.as(await createUser(kit))
    const stream = unique()
    await user.append(stream, kit.events(2))
    assert.is((await user.read(stream)).length, 2)
    await user.client.deleteStream(stream)
  })
  test('given a user, then they may neither read nor write $all and system streams', async (kit) => {
    const user = kit.as(await createUser(kit))
    await denied(user.readAll())
    await denied(user.read('$settings'))
    await denied(user.append('$settings', kit.events(1)))
  })
  test('given a user, then a subscription to $all is refused', async (kit) => {
    const user = kit.as(await createUser(kit))
    let type: unknown
    const subscription = user.client.subscribeToAll({ fromPosition: 'end' })
    subscription.on('error', (error) => {
      type = (error as unknown as { type: string }).type
    })
    await until(() => type !== undefined)
    assert.is(type, 'access-denied')
  })
  test('given a user in $admins, then they may read $all', async (kit) => {
    const user = kit.as(await createUser(kit, ['$admins']))
    await user.append(unique(), kit.events(1))
    assert.ok((await user.readAll({ maxCount: 1 })).length === 1)
  })
  test('given a name that is taken, when created again, then it is refused', async (kit) => {
    const { username } = await createUser(kit)
    assert.ok(['user-conflict', '9', '6'].includes(await refusalOf(createUser(kit, [], username))))
  })
}

const changesOfUsers = (test: Add): void => {
  test('given a disabled user, then they are refused, and let in again when enabled', async (kit) => {
    const who = await createUser(kit)
    const user = kit.as(who)
    await user.append(unique(), kit.events(1))
    await about(kit, 'Disable', who.username)
    await denied(user.append(unique(), kit.events(1)))
    await about(kit, 'Enable', who.username)
    await user.append(unique(), kit.events(1))
  })
  test('given a deleted user, then they are refused', async (kit) => {
    const who = await createUser(kit)
    const user = kit.as(who)
    await user.append(unique(), kit.events(1))
    await about(kit, 'Delete', who.username)
    await denied(user.append(unique(), kit.events(1)))
  })
  test('given a user who changes the password, then the new one counts and the old one does not', async (kit) => {
    const who = await createUser(kit)
    const user = kit.as(who)
    await user.raw.call(`${SERVICE}/ChangePassword`, [
      [
        1,
        [
          [1, who.username],
          [2, who.password],
          [3, 'another-one'],
        ],
      ],
    ])
    await denied(user.append(unique(), kit.events(1)))
    await kit.as({ ...who, password: 'another-one' }).append(unique(), kit.events(1))
  })
  test('given a wrong present password, then it is not changed', async (kit) => {
    const who = await createUser(kit)
    const user = kit.as(who)
    const changing = user.raw.call(`${SERVICE}/ChangePassword`, [
      [
        1,
        [
          [1, who.username],
          [2, 'guess'],
          [3, 'another-one'],
        ],
      ],
    ])
    assert.is(await refusalOf(changing), 'access-denied')
    await user.append(unique(), kit.events(1))
  })
  test('given a reset by admin, then the new password counts', async (kit) => {
    const who = await createUser(kit)
    await kit.raw.call(`${SERVICE}/ResetPassword`, [
      [
        1,
        [
          [1, who.username],
          [2, 'fresh'],
        ],
      ],
    ])
    await denied(kit.as(who).append(unique(), kit.events(1)))
    await kit.as({ ...who, password: 'fresh' }).append(unique(), kit.events(1))
  })
  test('given an update, then details say it', async (kit) => {
    const { username } = await createUser(kit, ['one'])
    await kit.raw.call(`${SERVICE}/Update`, [[1, [[1, username], [3, 'Another Name'], ...list(4, ['two'])]]])
    const [details] = await detailsOf(kit, username)
    assert.is(text(details!, 1), username)
    assert.is(text(details!, 2), 'Another Name')
    assert.equal(details!.get(3)!.map(String), ['two'])
  })
}

const detailsAndRefusals = (test: Add): void => {
  test('details of all: every user; of one by the user: their own', async (kit) => {
    const who = await createUser(kit)
    const all = await detailsOf(kit, '')
    assert.ok(all.some((one) => text(one, 1) === 'admin') && all.some((one) => text(one, 1) === who.username))
    assert.is((await detailsOf(kit.as(who), who.username)).length, 1)
    assert.is(await refusalOf(detailsOf(kit.as(who), 'admin')), 'access-denied')
  })
  test('given a user, then they may not create users', async (kit) => {
    const user = kit.as(await createUser(kit))
    assert.is(await refusalOf(createUser(user)), 'access-denied')
    assert.is(await refusalOf(about(user, 'Delete', 'admin')), 'access-denied')
  })
  test('given no such user, then user-not-found', async (kit) => {
    assert.is(await refusalOf(about(kit, 'Disable', unique('nobody'))), 'user-not-found')
  })
  test('given a user, then a scavenge is refused', async (kit) => {
    const user = kit.as(await createUser(kit))
    const start = user.raw.call('/event_store.client.operations.Operations/StartScavenge', [[1, []]])
    assert.is(await refusalOf(start), 'access-denied')
  })
  test('given a user, then creating a persistent subscription is refused; in $ops it is not', async (kit) => {
    const stream = unique()
    await kit.append(stream, kit.events(1))
    const create = (who: Kit) =>
      who.client.createPersistentSubscriptionToStream(
        stream,
        unique('group'),
        who.lib.persistentSubscriptionToStreamSettingsFromDefaults(),
      )
    await denied(create(kit.as(await createUser(kit))))
    await create(kit.as(await createUser(kit, ['$ops'])))
  })
  test('given any user, then they may ask about persistent subscriptions and list them; nobody may not', async (kit) => {
    // RequireAuthenticated(Operations.Subscriptions.Statistics)
    const [stream, group] = [unique(), unique('group')]
    await kit.client.createPersistentSubscriptionToStream(
      stream,
      group,
      kit.lib.persistentSubscriptionToStreamSettingsFromDefaults(),
    )
    const info = (who: Kit) => who.client.getPersistentSubscriptionToStreamInfo(stream, group)
    const list = (who: Kit) => who.client.listAllPersistentSubscriptions()
    const user = kit.as(await createUser(kit))
    assert.is((await info(user)).groupName, group)
    assert.ok((await list(user)).some((one) => one.groupName === group))
    await denied(info(kit.as(null)))
    await denied(list(kit.as(null)))
  })
}

contract(
  'users',
  (test) => {
    for (const cases of [
      administrators,
      builtIn,
      credentials,
      whatUsersMay,
      changesOfUsers,
      detailsAndRefusals,
    ])
      cases(test)
  },
  'users',
)

contract(
  'access lists',
  (test) => {
    /** A stream with a list, the user that it names and one that it does not. */
    const scene = async (kit: Kit, acl: (login: string) => object) => {
      const stream = unique()
      const named = await createUser(kit)
      await kit.append(stream, kit.events(2))
      await setAcl(kit, stream, acl(named.username))
      return { stream, named: kit.as(named), other: kit.as(await createUser(kit)) }
    }
    test('readRoles: who is named reads, others do not, admin does; a link to it is resolved for whoever reads the link', async (kit) => {
      const { stream, named, other } = await scene(kit, (login) => ({ readRoles: [login] }))
      assert.is((await named.read(stream)).length, 2)
      await denied(other.read(stream))
      assert.is((await kit.read(stream)).length, 2)
      const links = unique()
      await kit.append(links, [kit.lib.binaryEvent({ type: '$>', data: Buffer.from(`1@${stream}`) })])
      const [read] = await other.read(links, { resolveLinkTos: true })
      assert.equal([read!.event?.streamId, read!.link?.streamId], [stream, links])
    })
    test('writeRoles: who is named appends, others do not', async (kit) => {
      const { stream, named, other } = await scene(kit, (login) => ({ writeRoles: [login] }))
      await named.append(stream, kit.events(1))
      await denied(other.append(stream, kit.events(1)))
      assert.is((await other.read(stream)).length, 3)
    })
    test('deleteRoles: who is named deletes, others do not', async (kit) => {
      const { stream, named, other } = await scene(kit, (login) => ({ deleteRoles: [login] }))
      await denied(other.client.deleteStream(stream))
      await named.client.deleteStream(stream)
    })
    test('metaReadRoles and metaWriteRoles: likewise for the metadata', async (kit) => {
      const { stream, named, other } = await scene(kit, (login) => ({
        metaReadRoles: [login],
        metaWriteRoles: [login],
      }))
      await denied(other.client.getStreamMetadata(stream))
      await denied(other.client.setStreamMetadata(stream, { maxCount: 1 }))
      assert.ok((await named.client.getStreamMetadata(stream)).metadata)
      // Naming the metadata stream itself is refused too.
      assert.is((await named.read(`$$${stream}`)).length, 1)
      await denied(other.read(`$$${stream}`))
      await denied(other.append(`$$${stream}`, other.events(1, '$metadata')))
    })
    test('a group: who is in it reads', async (kit) => {
      const stream = unique()
      await kit.append(stream, kit.events(1))
      await setAcl(kit, stream, { readRoles: ['staff'] })
      assert.is((await kit.as(await createUser(kit, ['staff'])).read(stream)).length, 1)
      await denied(kit.as(await createUser(kit, ['guests'])).read(stream))
    })
    test('$all as a role: every user', async (kit) => {
      const stream = unique()
      await kit.append(stream, kit.events(1))
      await setAcl(kit, stream, { readRoles: ['$all'] })
      assert.is((await kit.as(await createUser(kit)).read(stream)).length, 1)
    })
    test('a subscription to a stream that one may not read is refused', async (kit) => {
      const { stream, other } = await scene(kit, (login) => ({ readRoles: [login] }))
      let type: unknown
      other.client.subscribeToStream(stream).on('error', (error) => {
        type = (error as unknown as { type: string }).type
      })
      await until(() => type !== undefined)
      assert.is(type, 'access-denied')
    })
    test('nobody may write to $all, and nobody may delete metadata', async (kit) => {
      const stream = unique()
      await kit.append(stream, kit.events(1))
      await kit.client.setStreamMetadata(stream, { own: 1 })
      await denied(kit.append('$all', kit.events(1)))
      await denied(kit.client.deleteStream(`$$${stream}`))
      await denied(kit.client.tombstoneStream(`$$${stream}`))
      assert.is((await kit.client.getStreamMetadata(stream)).metadata?.own, 1)
    })
    test(
      'a list on $all: who is named reads it, others do not',
      async (kit) => {
        const named = await createUser(kit)
        const other = kit.as(await createUser(kit))
        await setAcl(kit, '$all', { readRoles: ['$admins', named.username] })
        assert.ok((await kit.as(named).readAll({ maxCount: 1 })).length === 1)
        await denied(other.readAll({ maxCount: 1 }))
        await denied(setAcl(other, '$all', { readRoles: ['$all'] }))
        await setAcl(kit, '$all', { readRoles: ['$admins'] })
        await denied(kit.as(named).readAll({ maxCount: 1 }))
      },
      { alone: true },
    )
    test(
      '$settings: the lists of streams that have none of their own',
      async (kit) => {
        const [plain, own, system] = [unique(), unique(), `$${unique('own')}`]
        for (const stream of [plain, own, system]) await kit.append(stream, kit.events(1))
        const user = kit.as(await createUser(kit, ['staff']))
        const guest = kit.as(await createUser(kit))
        await setAcl(kit, own, { readRoles: ['$all'] })
        const set = (acls: object) =>
          kit.append('$settings', [kit.lib.jsonEvent({ type: 'update-default-acl', data: acls as never })])
        await set({
          $userStreamAcl: { $r: ['staff'], $w: ['staff'], $d: ['$admins'], $mr: ['staff'], $mw: ['$admins'] },
          $systemStreamAcl: {
            $r: ['$admins', 'staff'],
            $w: '$admins',
            $d: '$admins',
            $mr: '$admins',
            $mw: '$admins',
          },
        })
        assert.is((await user.read(plain)).length, 1)
        assert.is((await user.read(system)).length, 1)
        await denied(guest.read(plain))
        await denied(guest.append(plain, guest.events(1)))
        await denied(user.client.deleteStream(plain))
        assert.is((await guest.read(own)).length, 1)
        await set({})
        assert.is((await guest.read(plain)).length, 1)
        await denied(user.read(system))
      },
      { alone: true },
    )
    test('a persistent subscription says who its consumers are', async (kit) => {
      const stream = unique()
      const who = await createUser(kit)
      const group = unique('group')
      await kit.client.createPersistentSubscriptionToStream(
        stream,
        group,
        kit.lib.persistentSubscriptionToStreamSettingsFromDefaults(),
      )
      const subscription = kit.as(who).client.subscribeToPersistentSubscriptionToStream(stream, group)
      subscription.on('data', () => {})
      const connections = await until(async () => {
        const { connections } = await kit.client.getPersistentSubscriptionToStreamInfo(stream, group)
        return connections.length > 0 && connections
      })
      assert.is(connections[0]!.username, who.username)
      await subscription.unsubscribe()
    })
    test('when the list is changed, then the new one holds', async (kit) => {
      const { stream, named, other } = await scene(kit, (login) => ({ readRoles: [login] }))
      await denied(other.read(stream))
      await setAcl(kit, stream, { readRoles: ['$all'] })
      assert.is((await other.read(stream)).length, 2)
      assert.is((await named.read(stream)).length, 2)
    })
  },
  'users',
)
