/** The shapes in answers of what is held on people, of their erasures and of legal holds. */
import type { LegalHold, WaitingErasure } from '../../../domain/outside/state.ts'
import {
  listOf,
  orNull,
  position,
  shape,
  spaceId,
  spaceType,
  subject,
  text,
  time,
  uuid,
  whole,
  yesNo,
} from '../shapes.ts'

export const HoldShape = shape('LegalHold', {
  id: uuid,
  subject,
  reason: text(),
  placed_by: text(),
  placed_at: time,
})
export const holdView = ({ id, subject: of, reason, by, at }: LegalHold) => ({
  id,
  subject: of,
  reason,
  placed_by: by.id,
  placed_at: at,
})
export const ErasureShape = shape('WaitingErasure', {
  id: uuid,
  subject,
  asked_at: time,
  due_at: text({ format: 'date-time', description: 'When it is carried out at the earliest.' }),
  begun: { ...yesNo, description: 'true once it is being carried out.' },
})
export const erasureView = ({ id, subject: of, at, due, begunAt }: WaitingErasure) => ({
  id,
  subject: of,
  asked_at: at,
  due_at: due,
  begun: begunAt !== null,
})

export const HeldShape = shape('Held', {
  rooms: listOf(
    shape('HeldRoom', {
      space_type: spaceType,
      space_id: spaceId,
      sessions: whole(),
      messages: whole(),
      others: whole({ description: 'Whatever else the caller did there, refusals included.' }),
      first_at: time,
      last_at: time,
    }),
  ),
  is_whole: { ...yesNo, description: 'false: the caller did so much that only the latest was counted.' },
  keys: listOf(
    shape('HeldKey', {
      generation: whole(),
      created_at: time,
      erased_by: orNull(text({ description: 'The request that it was destroyed for.' })),
      erased_at: orNull(time),
    }),
  ),
  reports: whole(),
  receipts: whole(),
  appeals: whole({ description: 'Of the caller’s, those that nobody decided yet.' }),
  permissions: whole(),
  motion_blocks: whole(),
})
export const LookShape = shape('Look', {
  position,
  at: time,
  by: text({ description: 'Who looked.' }),
  space_type: text(),
  space_id: text({ description: '* for a look at all spaces.' }),
  call: text({ description: 'What they asked for.' }),
  by_name: { ...yesNo, description: 'Whether they asked for the caller by name.' },
  times: whole({ description: 'How many looks this stands for.' }),
})
