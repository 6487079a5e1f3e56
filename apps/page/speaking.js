// One's own voice and others', over the page's socket: the button, who speaks, and why it stopped.
import { $ } from './dom.js'

/** `socket`: the page's. `people()`: who is in the room `space()`; `joined()`: what it said when one entered; `api`: REST. */
export const makeSpeaking = async ({ socket, people, space, joined, api, notice, changed }) => {
  const { Voice } = await import('/presence-three.js')
  let iceServers = []
  const servers = async () => (await api(`/api/turn-credentials?space=${encodeURIComponent(space())}`)).iceServers ?? []
  const ask = (event, payload) =>
    new Promise((resolve, reject) =>
      socket.timeout(10_000).emit(event, payload, (late, answer) => {
        if (late) reject(Object.assign(new Error('No answer came in time.'), { code: 'unreachable' }))
        else if (answer.ok) resolve(answer)
        else reject(Object.assign(new Error(answer.error), { code: answer.code }))
      }),
    )
  const show = (enabled) => {
    $('speak').setAttribute('aria-pressed', String(enabled))
    $('speak').querySelector('span').textContent = enabled ? 'Stop speaking' : 'Speak'
  }
  const voice = new Voice({
    me: () => socket.id ?? '',
    others: () => people().filter(({ socketId }) => socketId !== socket.id),
    iceServers: () => iceServers,
    ask: (enabled) => ask('voice-state', { enabled }),
    sfu: {
      load: () => import('/presence-sfu.mjs'),
      connect: () => ask('voice-connect', {}),
      signal: async (signal) => (await ask('voice-signal', { signal })).signal,
    },
    signal: (event, payload) => void ask(event, payload).catch(() => {}),
    onChange: (enabled, why) => {
      show(enabled)
      if (why) notice(why.message)
      changed()
    },
  })
  socket.onAny((event, payload) => voice.heard(event, payload ?? {}))
  $('speak').addEventListener('click', async () => {
    $('speak').disabled = true
    try {
      if (voice.enabled) await voice.stop()
      else {
        iceServers = await servers()
        await voice.start()
      }
    } catch (error) {
      notice(error.message)
    }
    $('speak').disabled = false
  })
  // The room was entered while this was loading.
  if (joined()) voice.joined(joined())
  $('speak').hidden = false
  return {
    voice,
    /** Others' voices come with the next room, and one's own stays off there. */
    leave: () => voice.close(),
    ready: async () => {
      iceServers = await servers().catch(() => iceServers)
    },
    isSpeaking: (id) => voice.isSpeaking(id),
  }
}
