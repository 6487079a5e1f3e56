import * as E from 'fp-ts/lib/Either.js'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { ChatCommand } from '../../domain/chat/commands.ts'
import { createRequests } from './requests.ts'

const test = suite('requests of a socket')
const NEW = '00000000-0000-4000-8000-000000000001'
const CHOSEN = '00000000-0000-4000-8000-000000000002'

test('given a message without an id, then it gets one from the server, and no existing message is looked up', async () => {
  const sent: Array<ChatCommand> = []
  const deps = {
    commands: {
      chat: (request: { readonly command: ChatCommand }) => async () => {
        sent.push(request.command)
        return E.left({ _tag: 'Conflict' })
      },
    },
    membership: {},
    ids: { uuid: () => NEW },
  }
  const requests = createRequests(deps as unknown as Parameters<typeof createRequests>[0])
  const member = {
    caller: { kind: 'account', id: 'alice' },
    place: { subspace: 'main', hold: { live: { space: { type: 'global', id: 'lobby' } } } },
  }
  const say = async (payload: object) => {
    await requests.get('chat-message')?.handle(member as never, { content: 'Hello', ...payload })
    const command = sent.at(-1)
    return command?.type === 'PostMessage' ? [command.messageId, command.fresh] : command
  }
  assert.equal(await say({}), [NEW, true])
  assert.equal(await say({ message_id: null }), [NEW, true])
  assert.equal(await say({ message_id: CHOSEN }), [CHOSEN, false])
})

test.run()
