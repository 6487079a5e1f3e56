/** The room of movers as Colyseus has it: the same for its server and for whoever reads what it sends. */

// biome-ignore lint/suspicious/noExplicitAny: it is no dependency of the project, and so has no types here
export type Library = any

export const stateOf = ({ schema }: Library): { readonly Mover: Library; readonly State: Library } => {
  const Mover = schema({
    x: 'float32',
    y: 'float32',
    z: 'float32',
    qx: 'float32',
    qy: 'float32',
    qz: 'float32',
    qw: 'float32',
  })
  return { Mover, State: schema({ movers: { map: Mover } }) }
}
/** Position and rotation as a client sends them. */
export const PARTS = ['x', 'y', 'z', 'qx', 'qy', 'qz', 'qw'] as const
export const RATE = 15
