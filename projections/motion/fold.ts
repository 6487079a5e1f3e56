/** The blocks of motion that are recorded on the log, one row each. Their contents are beside the log, in `motion_sections`. */
import { type Columns, type Projection, type Row, upsert } from '../projection.ts'

const TABLE = { name: 'presence_motion', key: ['block'] }
const COLUMNS = {
  block: 'text',
  space_type: 'text',
  space_id: 'text',
  subspace: 'text',
  track: 'text',
  number: 'int4',
  is_last: 'bool',
  boot: 'text',
  starts_at: 'timestamptz',
  ends_at: 'timestamptz',
  movers: 'int4',
  ticks: 'int4',
  bytes: 'int4',
  root: 'text',
  kept_until: 'timestamptz',
  position: 'int8',
} as const satisfies Columns

export const motion: Projection<Map<string, Row>> = {
  name: 'motion',
  tables: [TABLE],
  start: () => new Map(),
  fold: (rows, { event, space, position }) => {
    if (event.type !== 'MotionKept') return
    const { block, subspace, track, number, isLast, boot, from, to, movers, ticks, bytes, root, keptUntil } =
      event.data
    rows.set(block, {
      block,
      space_type: space.type,
      space_id: space.id,
      subspace,
      track,
      number,
      is_last: isLast,
      boot,
      starts_at: from,
      ends_at: to,
      movers,
      ticks,
      bytes,
      root,
      kept_until: keptUntil,
      position: String(position),
    })
  },
  write: (rows) => (rows.size === 0 ? [] : [upsert(TABLE, COLUMNS, rows.values())]),
}
