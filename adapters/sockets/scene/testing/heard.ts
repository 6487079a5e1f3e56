/** The scene as a client has it that merges what it hears; for tests alone. */
import type { Client } from '../../../../infra/testing/sockets.ts'

export type Entities = Record<string, Record<string, unknown> | null>
/** The components that a client has heard of, as one that merges what it hears. */
export const heardBy = (client: Client): Entities => {
  const scene: Entities = {}
  for (const { event, payload } of client.heard) {
    if (event === 'space-joined') {
      for (const id of Object.keys(scene)) delete scene[id]
      for (const [id, { components }] of Object.entries<{ components: Record<string, unknown> }>(
        payload.scene.entities,
      ))
        scene[id] = { ...components }
    }
    const said: Entities =
      event === 'aframe-update'
        ? (payload.entityData.entities ?? {})
        : event === 'scene-changed'
          ? Object.fromEntries(
              Object.entries<{ components?: Record<string, unknown> } | null>(payload.entities).map(
                ([id, one]) => [id, one === null ? null : (one.components ?? {})],
              ),
            )
          : {}
    for (const [id, components] of Object.entries(said))
      if (components === null) delete scene[id]
      else {
        const merged = { ...scene[id], ...components }
        scene[id] = Object.fromEntries(Object.entries(merged).filter(([, value]) => value !== null))
      }
  }
  return scene
}
