/** The callers in measurements of limits. */
import type { Sender } from '../../domain/ports.ts'
import type { SpaceCommand } from '../../domain/space/commands.ts'

export const guestOf = (n: number, ip = '192.0.2.1'): Sender => ({
  by: { kind: 'guest', id: `guest:${n.toString(16).padStart(12, '0')}` },
  client: { ip, userAgent: 'x'.repeat(200) },
})
export const joinOf = (n: number, bytes: number): SpaceCommand => ({
  type: 'JoinSpace',
  sessionId: `session-${n}`,
  socketId: `socket-${n % 5}`,
  subspace: 'main',
  position: { x: 1, y: 1.6, z: -2 },
  avatarData: { name: 'x'.repeat(bytes) },
  boot: 'bench',
})
