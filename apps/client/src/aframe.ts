/** For A-Frame pages: `<a-scene presence="space: post:alice/my-post">` provides avatars, name tags, voices that come
 *  from where people stand, and chat; if networked-aframe is on the page, also its adapter `dlux`. */
import { Crowd, makeAvatar, type Three } from './avatar.ts'
import { join, spaceOfPage } from './index.ts'
import type { Login } from './login.ts'
import { registerAdapter } from './naf.ts'
import { type Panel, showPanel } from './panel.ts'
import type { Room, User } from './room.ts'

export * from './script.ts'

type Data = {
  readonly space: string
  readonly subspace: string
  readonly server: string
  readonly login: string
  readonly account: string
  readonly chat: boolean
  readonly voice: boolean
  readonly avatar: string
}
type Component = {
  readonly el: Three
  readonly data: Data
  room: Room | null
  crowd: Crowd | null
  panel: Panel | null
  isGone: boolean
  follow: (this: Component, room: Room) => void
}

/** An author's own avatar: the contents of the `<template>` that `avatar` names, with the person's name in its
 *  `.name`. */
const avatarOf = (THREE: Three, sceneEl: Three, selector: string) => {
  const template = selector === '' ? null : document.querySelector(selector)
  if (!(template instanceof HTMLTemplateElement)) return (user: User) => makeAvatar(THREE, user)
  return (user: User) => {
    const entity: Three = document.createElement('a-entity')
    entity.append(template.content.cloneNode(true))
    entity.querySelector('.name')?.setAttribute('value', user.userAccount ?? 'guest')
    sceneEl.append(entity)
    return entity.object3D
  }
}

/** The middle of the arc on which people begin, in front of the origin, where most authors put things; and its size (m). */
const MIDDLE_Z = -3
const RADIUS = 5
const ANGLES = Array.from({ length: 21 }, (_, n) => ((n * 5 - 50) * Math.PI) / 180)

/** Where a newcomer begins in a scene without a camera of its own: on an arc, turned to its middle, as far as possible from
 *  whoever stands there, so that two who come see each other, and what is in the scene. `turn`: about the upright axis. */
const placeFor = (others: ReadonlyArray<Pick<User, 'position'>>) => {
  const taken = others.map(({ position }) => {
    const { x, z } = (position ?? {}) as { readonly x?: unknown; readonly z?: unknown }
    return typeof x === 'number' && typeof z === 'number' ? Math.atan2(x, z - MIDDLE_Z) : null
  })
  const room = (angle: number) => Math.min(...taken.map((other) => Math.abs((other ?? angle) - angle)))
  // Of people who come at the same moment nobody knows where the others begin.
  const turn = taken.includes(null)
    ? ANGLES[Math.floor(Math.random() * ANGLES.length)]!
    : ANGLES.reduce((best, angle) => (room(angle) > room(best) ? angle : best))
  return { x: RADIUS * Math.sin(turn), z: MIDDLE_Z + RADIUS * Math.cos(turn), turn }
}

const registerComponent = (AFRAME: Three): void => {
  const { THREE } = AFRAME
  const position = new THREE.Vector3()
  const rotation = new THREE.Quaternion()
  AFRAME.registerComponent('presence', {
    schema: {
      space: { default: 'auto' },
      subspace: { default: '' },
      server: { default: '' },
      login: { default: 'auto' },
      account: { default: '' },
      chat: { default: true },
      voice: { default: true },
      avatar: { default: '' },
    },
    init(this: Component) {
      this.room = null
      this.isGone = false
      const { space, subspace, server, login, account } = this.data
      join(space === 'auto' ? spaceOfPage(location.pathname) : space, {
        login: login as Login,
        ...(subspace === '' ? {} : { subspace }),
        ...(server === '' ? {} : { server }),
        ...(account === '' ? {} : { account }),
      }).then(
        (room) => (this.isGone ? void room.leave() : this.follow(room)),
        (error) => {
          console.warn(`presence: ${error.message}`)
          this.el.emit('presence-error', error)
        },
      )
    },
    follow(this: Component, room: Room) {
      this.room = room
      // In a scene without a camera of its own, everybody would begin in one spot, inside each other.
      const eye = this.el.camera?.el
      if (eye?.hasAttribute('aframe-injected')) {
        const { y } = eye.getAttribute('position')
        const { x, z, turn } = placeFor([...room.users.values()].filter((user) => user !== room.me))
        eye.setAttribute('position', { x, y, z })
        const look = eye.components['look-controls']?.yawObject
        if (look) look.rotation.y = turn
      }
      this.crowd = new Crowd(room, this.el.object3D, avatarOf(THREE, this.el, this.data.avatar))
      if (this.data.chat) this.panel = showPanel(room, { voice: this.data.voice })
      this.el.emit('presence-joined', room)
    },
    tick(this: Component) {
      const { camera } = this.el
      if (this.room === null || !camera) return
      camera.getWorldPosition(position)
      camera.getWorldQuaternion(rotation)
      const round = (n: number) => Math.round(n * 1_000) / 1_000
      const pose = {
        position: { x: round(position.x), y: round(position.y), z: round(position.z) },
        rotation: { x: round(rotation.x), y: round(rotation.y), z: round(rotation.z), w: round(rotation.w) },
      }
      this.room.move(pose)
      this.crowd?.update(pose)
    },
    remove(this: Component) {
      this.isGone = true
      this.crowd?.clear()
      this.panel?.remove()
      void this.room?.leave()
    },
  })
}

const aframe = (globalThis as { AFRAME?: Three }).AFRAME
if (aframe === undefined) console.warn('presence: include A-Frame before presence-aframe.js.')
else registerComponent(aframe)
registerAdapter()
