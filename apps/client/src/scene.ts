/** The room's scene: its entities as they are now, from what the server tells in JSON and on the packed wire. */
import { type PackedPose, PackedReader } from './packed.ts'
import type { Json } from './transport.ts'

export type Entity = {
  /** The socket that owns it; null if nobody does. */
  readonly owner: string | null
  readonly template: string | null
  /** It is on the log, and is there after everybody has left. */
  readonly pinned: boolean
  readonly components: Readonly<Record<string, unknown>>
}
type Said = Readonly<Record<string, Partial<Entity> | null>>
const unknown: Entity = { owner: null, template: null, pinned: false, components: {} }

export class SceneState {
  readonly entities = new Map<string, Entity>()
  readonly #reader = new PackedReader()

  /** For `space-joined`: replaces everything from before. */
  joined(scene: { readonly entities?: Json } | undefined): void {
    this.entities.clear()
    this.#reader.clear()
    this.said((scene?.entities ?? {}) as Said)
  }
  said(entities: Said): void {
    for (const [id, one] of Object.entries(entities)) {
      if (one === null) {
        this.entities.delete(id)
        continue
      }
      const { owner, template, pinned } = { ...(this.entities.get(id) ?? unknown), ...one }
      this.entities.set(id, { owner, template, pinned, components: this.entities.get(id)?.components ?? {} })
      this.changed({ [id]: one.components ?? {} })
    }
  }
  /** Components by entity; null removes one, or the entity. */
  changed(entities: Readonly<Record<string, unknown>>): void {
    for (const [id, components] of Object.entries(entities)) {
      const known = this.entities.get(id) ?? unknown
      if (components === null) this.entities.delete(id)
      else if (typeof components === 'object') {
        const merged = Object.entries({ ...known.components, ...components }).filter(
          ([, value]) => value !== null,
        )
        this.entities.set(id, { ...known, components: Object.fromEntries(merged) })
      }
    }
  }
  /** Of what a frame says, the avatars; entities are in `entities` then. */
  framed(bytes: Uint8Array): ReadonlyMap<string, PackedPose> {
    const avatars = new Map<string, PackedPose>()
    for (const [id, pose] of this.#reader.read(bytes).moved) {
      if (!this.entities.has(id)) avatars.set(id, pose)
      else {
        const { position, rotation } = pose
        this.changed({ [id]: rotation === null ? { position } : { position, rotation } })
      }
    }
    return avatars
  }
}
