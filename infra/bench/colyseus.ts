/** Colyseus beside which a room of movers is measured: fetched from npm when it is first asked for (11 MB, into
 *  node_modules/.cache), since nothing else of the project needs it. */
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Library, PARTS, stateOf } from './colyseus-state.ts'
import { openRaw } from './raw-socket.ts'
import { type Measured, startPlain } from './servers.ts'

const FOLDER = fileURLToPath(new URL('../../node_modules/.cache/colyseus', import.meta.url))
const PACKAGES = ['@colyseus/core@0.16', '@colyseus/ws-transport@0.16', '@colyseus/schema@3']

/** Where it is; throws where npm can't be reached. */
const fetched = (): string => {
  const file = join(FOLDER, 'from-here.js')
  if (existsSync(join(FOLDER, 'node_modules/@colyseus/core'))) return file
  mkdirSync(FOLDER, { recursive: true })
  writeFileSync(join(FOLDER, 'package.json'), '{"private":true}')
  const options = ['--no-audit', '--no-fund', '--omit=optional', '--omit=peer', '--legacy-peer-deps']
  execFileSync('npm', ['install', ...options, ...PACKAGES], { cwd: FOLDER, stdio: 'inherit' })
  return file
}

export const colyseus = (): Promise<Measured> =>
  startPlain('Colyseus', fileURLToPath(new URL('./colyseus-server.ts', import.meta.url)), [fetched()])

const JOIN_ROOM = 10
const ROOM_STATE = 14
const ROOM_STATE_PATCH = 15
const ROOM_DATA_BYTES = 17

/** One who moves there; `onPlaces` is told where all are, each time the server says something new. */
export const joinColyseus = async (
  url: string,
  onPlaces: ((movers: Iterable<{ readonly y: number }>, bytes: number) => void) | null,
) => {
  const asked = await fetch(`${url}/matchmake/joinOrCreate/movers`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: '{}',
  })
  const { room, sessionId, error } = (await asked.json()) as Library
  if (room === undefined) throw new Error(`Colyseus let nobody in: ${error}`)
  const { processId, roomId } = room
  const ws = await openRaw(`${url.replace('http', 'ws')}/${processId}/${roomId}?sessionId=${sessionId}`)
  const library: Library = onPlaces === null ? null : createRequire(fetched())('@colyseus/schema')
  const state = library === null ? null : new (stateOf(library).State)()
  const decoder = library === null ? null : new library.Decoder(state)
  await new Promise<void>((resolve) => {
    ws.onFrame = (bytes) => {
      if (bytes[0] === JOIN_ROOM) ws.sendBytes(Uint8Array.of(JOIN_ROOM))
      else if (bytes[0] === ROOM_STATE || bytes[0] === ROOM_STATE_PATCH) {
        decoder?.decode(Uint8Array.from(bytes), { offset: 1 })
        onPlaces?.(state.movers.values(), bytes.length)
        resolve()
      }
    }
  })
  if (onPlaces === null) ws.onFrame = null
  const message = Buffer.alloc(2 + PARTS.length * 4)
  message[0] = ROOM_DATA_BYTES
  return {
    ws,
    move: (place: Readonly<Record<(typeof PARTS)[number], number>>): void => {
      for (const [n, part] of PARTS.entries()) message.writeFloatLE(place[part], 2 + n * 4)
      ws.sendBytes(message)
    },
  }
}
