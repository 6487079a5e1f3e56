/** A real Janus for one test file (`// needs: janus`), on 127.0.0.1 alone, with a configuration of its own. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { freePort } from '../postgres/embedded.ts'

export type Janus = {
  /** Its WebSocket API. */
  readonly url: string
  readonly output: () => string
  /** At once, as when it crashes. */
  readonly kill: () => Promise<void>
  readonly stop: () => Promise<void>
}

/** Where Debian has its plugins. */
const LIBRARIES = `/usr/lib/${process.arch === 'arm64' ? 'aarch64' : 'x86_64'}-linux-gnu/janus`
const configuration = (folder: string, port: number): Readonly<Record<string, string>> => ({
  'janus.jcfg': `general: {
  configs_folder = "${folder}"
  plugins_folder = "${LIBRARIES}/plugins"
  transports_folder = "${LIBRARIES}/transports"
  debug_level = 4
  debug_colors = false
  session_timeout = 30
}
nat: { ice_enforce_list = "127.0.0.1" }
media: { dtls_timeout = 200 }
plugins: { disable = "libjanus_audiobridge.so,libjanus_duktape.so,libjanus_echotest.so,libjanus_lua.so,libjanus_nosip.so,libjanus_recordplay.so,libjanus_sip.so,libjanus_streaming.so,libjanus_textroom.so,libjanus_videocall.so,libjanus_voicemail.so" }
transports: { disable = "libjanus_http.so,libjanus_mqtt.so,libjanus_nanomsg.so,libjanus_pfunix.so,libjanus_rabbitmq.so" }
`,
  'janus.transport.websockets.jcfg': `general: { ws = true
  ws_port = ${port}
  ws_ip = "127.0.0.1" }
admin: { admin_ws = false }
`,
  'janus.plugin.videoroom.jcfg': 'general: { string_ids = true }\n',
})

const answers = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy()
      resolve(true)
    })
    socket.on('error', () => resolve(false))
  })

/** `port`: a free one by default. */
export const startJanus = async (port?: number): Promise<Janus> => {
  const at = port ?? (await freePort())
  const folder = mkdtempSync(join(tmpdir(), 'janus-'))
  for (const [name, text] of Object.entries(configuration(folder, at)))
    writeFileSync(join(folder, name), text)
  const child = spawn('janus', ['-F', folder, '-C', join(folder, 'janus.jcfg')], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const exited = once(child, 'exit')
  const end = () => void child.kill('SIGKILL')
  process.once('exit', end)
  let output = ''
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => {
      output = `${output.slice(-50_000)}${chunk}`
    })
  const kill = async (): Promise<void> => {
    process.off('exit', end)
    if (child.exitCode === null && child.signalCode === null) {
      child.kill('SIGKILL')
      await exited
    }
    rmSync(folder, { recursive: true, force: true })
  }
  while (!(await answers(at))) {
    if (child.exitCode !== null) throw new Error(`Janus did not start:\n${output}`)
    await delay(50)
  }
  return { url: `ws://127.0.0.1:${at}`, output: () => output, kill, stop: kill }
}
