/** The client's log-in by DLUX's wallet and by Hive Keychain: stand-ins of both windows that speak their protocols, and a real server. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { refusalOf } from '../../apps/client/src/errors.ts'
import type { Call, Transport } from '../../apps/client/src/transport.ts'
import { signAs } from '../hive/keys.ts'
import { testHttp } from '../testing/http.ts'

type Login = 'auto' | 'guest' | 'wallet' | 'keychain'
type LogIn = (transport: Transport, login: Login, account: string | null) => Promise<string | null>
// By its address: it is a browser's, whose types are not the server's.
const client = new URL('../../apps/client/src/login.ts', import.meta.url).href
const { logIn } = (await import(client)) as { readonly logIn: LogIn }

const test = suite('logging in from a page')
const http = await testHttp()
test.after(() => http.close())

const asked: string[] = []
const server: Transport = {
  call: async (path: string, { method = 'GET', body }: Call = {}) => {
    asked.push(path)
    const { statusCode, body: answer } = await http.app.inject({
      method: method as 'GET' | 'POST',
      url: path,
      ...(body === undefined ? {} : { payload: body }),
    })
    if (statusCode >= 400) throw refusalOf(JSON.parse(answer))
    return JSON.parse(answer)
  },
  open: () => Promise.reject(new Error('no line is needed')),
}
/** Whom the server takes the bearer of this token for. */
const whoIs = async (token: string | null): Promise<string> => {
  const { body } = await http.app.inject({
    method: 'POST',
    url: '/api/spaces/document/1/join',
    payload: {},
    headers: token === null ? {} : { authorization: `Bearer ${token}` },
  })
  return JSON.parse(body).identity?.id ?? body
}

type Message = { id: string; type: string; data: Record<string, string>; source: string }
type Answer = { readonly data?: unknown; readonly error?: string } | 'silent'
/** The page's window, opened by a wallet that answers so; other windows talk in between. */
const inWallet = (answers: (message: Message) => Answer, relation: 'opener' | 'parent' = 'opener') => {
  const listeners = new Set<(event: unknown) => void>()
  const tell = (data: unknown, source: unknown) =>
    queueMicrotask(() => {
      for (const listener of listeners) listener({ data, source })
    })
  const wallet = {
    heard: [] as Message[],
    postMessage: (message: Message) => {
      wallet.heard.push(message)
      const answer = answers(message)
      // Somebody else's answer comes first, and a word of another extension's.
      tell(
        {
          id: message.id,
          type: 'response',
          source: 'dlux-wallet',
          data: { user: 'mallory', signature: 'ff' },
        },
        {},
      )
      tell({ target: 'metamask-inpage' }, wallet)
      if (answer === 'silent') return
      tell({ id: 'another', type: 'response', source: 'dlux-wallet', data: {} }, wallet)
      tell(
        { id: message.id, type: 'response', source: 'dlux-wallet', error: null, data: null, ...answer },
        wallet,
      )
    },
  }
  const page: Record<string, unknown> = {
    opener: relation === 'opener' ? wallet : null,
    addEventListener: (_: string, listener: (event: unknown) => void) => listeners.add(listener),
    removeEventListener: (_: string, listener: (event: unknown) => void) => listeners.delete(listener),
  }
  page.parent = relation === 'parent' ? wallet : page
  Object.assign(globalThis, { window: page })
  return { wallet, listeners }
}
type Keychain = (
  account: string | null,
  message: string,
  key: string,
  done: (answer: unknown) => void,
) => void
const withKeychain = (requestSignBuffer: Keychain) => {
  Object.assign(globalThis, { hive_keychain: { requestSignBuffer } })
}
test.after.each(() => {
  asked.length = 0
  Reflect.deleteProperty(globalThis, 'window')
  Reflect.deleteProperty(globalThis, 'hive_keychain')
})
const enter = (login: Login, account: string | null = null) => logIn(server, login, account)
const codeOf = (promise: Promise<unknown>) =>
  promise.then(
    () => 'none',
    ({ code }: { code: string }) => code,
  )

/** As the navigation of DLUX answers. */
const navigation =
  (user: string | null, sign = (challenge: string) => signAs(user ?? '', challenge)) =>
  ({ type, data }: Message): Answer => {
    if (type === 'get-user') return { data: { user, isLoggedIn: user !== null, signerType: 'HKC' } }
    if (type !== 'sign-challenge' || data.keyType !== 'posting') return { error: 'Unhandled message type' }
    return data.username === user
      ? { data: { signature: sign(data.challenge ?? '') } }
      : { error: 'Username mismatch' }
  }

for (const relation of ['opener', 'parent'] as const)
  test(`given a page whose ${relation} is the wallet, then the user is the wallet’s account, after two requests to it`, async () => {
    const { wallet, listeners } = inWallet(navigation('alice'), relation)
    assert.is(await whoIs(await enter('auto')), 'alice')
    assert.equal(
      wallet.heard.map(({ type, source }) => [type, source]),
      [
        ['get-user', 'dlux-wallet'],
        ['sign-challenge', 'dlux-wallet'],
      ],
    )
    assert.is(new Set(wallet.heard.map(({ id }) => id)).size, 2)
    assert.is(listeners.size, 0)
  })

test('given a wallet where nobody is signed in, or that refuses, then the user is a guest, or gets an error if the wallet was required', async () => {
  const refuses = ({ type }: Message): Answer =>
    type === 'get-user' ? { data: { user: 'alice' } } : { error: 'Challenge signing cancelled by user' }
  for (const answers of [navigation(null), refuses]) {
    inWallet(answers)
    assert.is(await enter('auto'), null)
    assert.is(await codeOf(enter('wallet')), 'not_signed')
  }
})
test('given a window that is not a wallet and stays silent, then the user is soon a guest', async () => {
  inWallet(() => 'silent')
  const began = performance.now()
  assert.is(await enter('auto'), null)
  assert.ok(performance.now() - began < 5_000)
})
test('given a wallet that signs as somebody else, then the server refuses, and the user does not quietly become a guest', async () => {
  inWallet(navigation('alice', (challenge) => signAs('bob', challenge)))
  assert.is(await codeOf(enter('auto')), 'invalid_proof')
})

test('given Hive Keychain, then the user is the account that it signs as: the one requested, or the one chosen there', async () => {
  const keys: unknown[] = []
  withKeychain((account, message, key, done) => {
    keys.push([account, key])
    const username = account ?? 'carol'
    done({ success: true, result: signAs(username, message), publicKey: 'STM…', data: { username } })
  })
  assert.is(await whoIs(await enter('auto')), 'carol')
  assert.is(await whoIs(await enter('keychain', 'dave')), 'dave')
  assert.equal(keys, [
    [null, 'Posting'],
    ['dave', 'Posting'],
  ])
})
test('given Hive Keychain and a user who declines, then the user is a guest, or gets an error if Keychain was required; the same without Keychain', async () => {
  withKeychain((_account, _message, _key, done) =>
    done({ success: false, message: 'Request was canceled by the user.' }),
  )
  assert.is(await enter('auto'), null)
  assert.is(await codeOf(enter('keychain')), 'not_signed')
  Reflect.deleteProperty(globalThis, 'hive_keychain')
  assert.is(await codeOf(enter('keychain')), 'not_signed')
})
test('given neither, then the user is a guest, and no challenge is requested from the server', async () => {
  assert.is(await enter('auto'), null)
  assert.is(await enter('guest'), null)
  assert.equal(asked, [])
})

test.run()
