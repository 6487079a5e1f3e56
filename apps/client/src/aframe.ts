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
        eye.setAttribute('position', { x: Math.random() * 4 - 2, y, z: Math.random() * 2 })
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
