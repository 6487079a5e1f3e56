/** How people look in a three.js scene, including A-Frame's: a head that looks where they look, a body, and their
 *  name. */
import type { Pose } from './moves.ts'
import type { Room, User } from './room.ts'

// biome-ignore lint/suspicious/noExplicitAny: whichever three.js the page brings; nothing of it is bundled
export type Three = any

/** The same name has the same hue everywhere. */
const hueOf = (name: string): number => {
  let hash = 0
  for (const letter of name) hash = (hash * 31 + (letter.codePointAt(0) ?? 0)) % 360
  return hash
}
export const nameOf = ({ userAccount, guestId }: Pick<User, 'userAccount' | 'guestId'>): string =>
  userAccount ?? (guestId === null ? 'somebody' : `guest ${guestId.slice(-4)}`)

const LETTERS_PX = 44
const nameTag = (THREE: Three, name: string): Three => {
  const canvas = document.createElement('canvas')
  const pen = canvas.getContext('2d')
  if (pen === null) return new THREE.Group()
  const font = `600 ${LETTERS_PX}px system-ui, sans-serif`
  pen.font = font
  canvas.width = Math.ceil(pen.measureText(name).width) + 48
  canvas.height = 72
  pen.fillStyle = 'rgba(15, 18, 28, 0.78)'
  pen.beginPath()
  pen.roundRect(0, 0, canvas.width, canvas.height, 36)
  pen.fill()
  pen.font = font
  pen.fillStyle = '#fff'
  pen.textBaseline = 'middle'
  pen.fillText(name, 24, canvas.height / 2 + 2)
  const map = new THREE.CanvasTexture(canvas)
  if (THREE.SRGBColorSpace) map.colorSpace = THREE.SRGBColorSpace
  const tag = new THREE.Sprite(new THREE.SpriteMaterial({ map, depthWrite: false }))
  tag.scale.set((canvas.width / canvas.height) * 0.22, 0.22, 1)
  tag.position.y = 0.42
  return tag
}

export const makeAvatar = (THREE: Three, user: User): Three => {
  const name = nameOf(user)
  const paint = (lightness: number) =>
    new THREE.MeshStandardMaterial({
      color: new THREE.Color().setHSL(hueOf(name) / 360, 0.6, lightness),
      roughness: 0.7,
    })
  const head = new THREE.Mesh(new THREE.SphereGeometry(0.16, 24, 16), paint(0.6))
  for (const side of [-1, 1]) {
    const eye = new THREE.Mesh(
      new THREE.SphereGeometry(0.03, 12, 8),
      new THREE.MeshStandardMaterial({ color: 0x10131c }),
    )
    eye.position.set(side * 0.06, 0.03, -0.14)
    head.add(eye)
  }
  const body = new THREE.Mesh(new THREE.CylinderGeometry(0.12, 0.24, 0.9, 20), paint(0.45))
  body.position.y = -0.65
  const avatar = new THREE.Group()
  avatar.add(head, body, nameTag(THREE, name))
  avatar.userData.head = head
  return avatar
}

const dispose = (avatar: Three): void => {
  avatar.traverse((part: Three) => {
    part.geometry?.dispose()
    part.material?.map?.dispose()
    part.material?.dispose()
  })
}

/** Keeps an avatar in `parent` for everybody else in the room. Call `update` each frame. */
export class Crowd {
  readonly #avatars = new Map<string, Three>()
  readonly #room: Room
  readonly #make: (user: User) => Three
  readonly #parent: Three

  constructor(room: Room, parent: Three, make: (user: User) => Three) {
    this.#room = room
    this.#parent = parent
    this.#make = make
  }
  get avatars(): ReadonlyMap<string, Three> {
    return this.#avatars
  }
  /** `ear`: where the user stands, so that others are heard from where they are. */
  update(ear: Pose): void {
    const { users, me } = this.#room
    for (const id of this.#avatars.keys()) if (!users.has(id)) this.#remove(id)
    for (const [id, user] of users) {
      if (id === me?.socketId) continue
      const pose = this.#room.place(id)
      // Somebody who reads along in a page without a scene has no place.
      if (pose !== null) this.#draw(id, user, pose)
    }
    this.#room.voice.hearFrom(ear, (id) => this.#room.place(id))
  }
  #draw(id: string, user: User, { position, rotation }: Pose): void {
    let avatar = this.#avatars.get(id)
    if (avatar === undefined) {
      avatar = this.#make(user)
      this.#avatars.set(id, avatar)
      this.#parent.add(avatar)
    }
    avatar.position.set(position.x, position.y, position.z)
    if (rotation !== null) {
      const { head } = avatar.userData
      ;(head ?? avatar).quaternion.set(rotation.x, rotation.y, rotation.z, rotation.w)
    }
    avatar.userData.head?.scale.setScalar(this.#room.voice.isSpeaking(id) ? 1.15 : 1)
  }
  #remove(id: string): void {
    const avatar = this.#avatars.get(id)
    this.#parent.remove(avatar)
    dispose(avatar)
    this.#avatars.delete(id)
  }
  clear(): void {
    for (const id of [...this.#avatars.keys()]) this.#remove(id)
  }
}
