/** A refused command is audited too: this is the one event of a `refusal-` stream. */
import * as t from 'io-ts'

export const CommandRefused = t.type({
  type: t.literal('CommandRefused'),
  data: t.intersection([
    t.type({
      command: t.string,
      /** The code of CONTRACT 4: `space_full`, `forbidden`, … */
      reason: t.string,
      at: t.string,
    }),
    t.partial({ subspace: t.string, target: t.string, detail: t.unknown }),
  ]),
})
export type CommandRefused = t.TypeOf<typeof CommandRefused>
