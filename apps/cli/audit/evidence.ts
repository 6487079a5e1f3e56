/** Turns a bundle into the file of `presence audit export --html`. */
import type { Signer } from '../../../projections/proof/note.ts'
import { evidenceOf } from '../../operations/export/evidence/evidence.ts'
import type { Connections } from '../connections.ts'
import { openedLog } from '../opened-log.ts'

/** `shows`: whose words are shown; null for everybody's. */
export const evidenceInto = (of: {
  readonly to: Connections
  readonly signer: Signer
  readonly write: (text: string) => Promise<void>
  readonly shows: ReadonlyArray<string> | null
}) => {
  const parts: string[] = []
  return {
    take: async (line: string): Promise<void> => {
      parts.push(line)
    },
    /** Writes the file; returns what to print about it. */
    done: async (): Promise<string> => {
      const log = openedLog(of.to)
      try {
        const { html, shown, withheld } = await evidenceOf(parts.join(''), {
          signer: of.signer,
          open: log.open,
          shows: (author) => of.shows?.includes(author) ?? true,
          witnesses: of.to.witnesses,
          madeAt: new Date().toISOString(),
        })
        await of.write(html)
        return `, the words of ${shown} events shown, of ${withheld} withheld, ${html.length} bytes of HTML`
      } finally {
        await log.close()
      }
    },
  }
}
