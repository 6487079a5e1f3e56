/** The scene of a client that merges what it receives, on either wire; for tests only. */
import { PackedReader } from '../../../../apps/client/src/packed.ts'
import type { Heard } from '../../../../infra/testing/sockets.ts'

export type Entities = Record<string, Record<string, unknown> | null>
type Said = Record<string, { readonly components?: Record<string, unknown>; readonly owner?: unknown } | null>

export class SceneView {
  readonly scene: Entities = {}
  readonly owners = new Map<string, unknown>()
  /** Keyed by socket. */
  readonly avatars = new Map<string, unknown>()
  readonly #reader = new PackedReader()

  hear({ event, payload }: Heard): void {
    switch (event) {
      case 'space-joined':
        for (const id of Object.keys(this.scene)) delete this.scene[id]
        this.owners.clear()
        this.avatars.clear()
        this.#reader.clear()
        for (const [id, { position }] of Object.entries<{ position: unknown }>(payload.scene.avatars))
          this.avatars.set(id, position)
        this.#said(payload.scene.entities)
        return
      case 'scene-changed':
        this.#said(payload.entities)
        return
      case 'aframe-update':
        if (payload.entityData.position != null)
          this.avatars.set(payload.socketId, payload.entityData.position)
        for (const [id, components] of Object.entries<Record<string, unknown> | null>(
          payload.entityData.entities ?? {},
        ))
          this.#merge(id, components)
        return
      case 'user-left':
        this.avatars.delete(payload.socketId)
        return
      case 'scene-frame':
        this.#framed(payload)
    }
  }
  /** Applies the client's own changes once they are accepted: nobody sends them back to it. */
  wrote(event: string, payload: Record<string, unknown>, answer: Record<string, unknown>): void {
    if (event !== 'aframe-update' || answer.ok !== true) return
    const refused = (answer.refused ?? {}) as Record<string, unknown>
    const entities = (payload.entities ?? {}) as Record<string, Record<string, unknown> | null>
    for (const [id, components] of Object.entries(entities)) if (!(id in refused)) this.#merge(id, components)
  }
  #said(entities: Said): void {
    for (const [id, one] of Object.entries(entities)) {
      this.#merge(id, one === null ? null : (one.components ?? {}))
      if (one !== null && 'owner' in one) this.owners.set(id, one.owner)
    }
  }
  #merge(id: string, components: Record<string, unknown> | null): void {
    if (components === null) {
      delete this.scene[id]
      this.owners.delete(id)
      return
    }
    const merged = Object.entries({ ...this.scene[id], ...components })
    this.scene[id] = Object.fromEntries(merged.filter(([, value]) => value !== null))
  }
  #framed(bytes: Uint8Array): void {
    // An avatar that no longer has a slot is sent in the other wire format from now on, or `user-left` says that it is gone.
    const { moved } = this.#reader.read(new Uint8Array(bytes))
    for (const [id, { position, rotation }] of moved) {
      const entity = this.scene[id]
      if (entity) Object.assign(entity, { position }, rotation === null ? {} : { rotation })
      else if (!/^e\d+$/.test(id)) this.avatars.set(id, position)
    }
  }
}

/** The components that a client has received. */
export const heardBy = (client: { readonly heard: ReadonlyArray<Heard> }): Entities => viewOf(client).scene
const viewOf = ({ heard }: { readonly heard: ReadonlyArray<Heard> }): SceneView => {
  const view = new SceneView()
  for (const one of heard) view.hear(one)
  return view
}
