/** For pages of three.js: `const presence = await enter({ THREE, scene, camera, space })`, and `presence.update()` each frame. */
import { Crowd, makeAvatar, type Three } from './avatar.ts'
import { cameFrom, type JoinOptions, join, type Room, type User } from './index.ts'
import { showPanel } from './panel.ts'

export { makeAvatar } from './avatar.ts'
export * from './index.ts'
export { Voice, type VoiceDeps } from './voice.ts'

cameFrom(new URL(import.meta.url).origin)

export type EnterOptions = JoinOptions & {
  readonly THREE: Three
  readonly scene: Three
  readonly camera: Three
  readonly space: string
  /** How somebody looks: any Object3D. */
  readonly makeAvatar?: (user: User) => Three
  /** Whether to show the chat over the scene; true by default. */
  readonly chat?: boolean
  readonly voice?: boolean
}

export const enter = async (
  options: EnterOptions,
): Promise<{ readonly room: Room; readonly crowd: Crowd; readonly update: () => void }> => {
  const { THREE, scene, camera, space, chat = true, voice = true, makeAvatar: make, ...rest } = options
  const room = await join(space, rest)
  const crowd = new Crowd(room, scene, make ?? ((user) => makeAvatar(THREE, user)))
  if (chat) showPanel(room, { voice })
  const position = new THREE.Vector3()
  const rotation = new THREE.Quaternion()
  const update = () => {
    camera.getWorldPosition(position)
    camera.getWorldQuaternion(rotation)
    const pose = {
      position: { x: position.x, y: position.y, z: position.z },
      rotation: { x: rotation.x, y: rotation.y, z: rotation.z, w: rotation.w },
    }
    room.move(pose)
    crowd.update(pose)
  }
  return { room, crowd, update }
}
