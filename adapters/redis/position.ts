/** Where people are in a room, and what shares it with the other processes. */

export type Position = { readonly x: number; readonly y: number; readonly z: number }
/** By session id. */
export type Positions = ReadonlyMap<string, Position>
export interface SharedPositions {
  readonly put: (space: string, sessionId: string, position: Position) => void
  readonly remove: (space: string, sessionId: string) => void
  /** Empty if Redis does not answer at once. */
  readonly of: (space: string) => Promise<Positions>
  readonly close: () => Promise<void>
}

const MAX = 1e9

export const isPosition = (value: unknown): value is Position => {
  if (typeof value !== 'object' || value === null) return false
  const { x, y, z } = value as Record<string, unknown>
  return [x, y, z].every((n) => typeof n === 'number' && Number.isFinite(n) && Math.abs(n) < MAX)
}
