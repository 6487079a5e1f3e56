/** `presence audit …`: each of its words in a file of its own. */
import type { Command } from '../command.ts'

export const audit: Command = {
  name: 'audit',
  summary: 'prove the record: verify all of it, or export a room as a file that proves itself',
  words: [
    {
      name: 'verify',
      takes: '[--checkpoint FILE]… [--key VKEY|FILE]… [--limit N]',
      says: 'makes everything anew from the log, and names each row and checkpoint that differs',
      load: async () => {
        const { verify, verifyUsage } = await import('./verify.ts')
        return { run: verify, usage: verifyUsage }
      },
    },
    {
      name: 'export',
      takes:
        '--space TYPE:ID [--from TIME] [--to TIME] [--html [--words-of NAME]… [--no-words]] -o FILE [--force]',
      says: 'writes a room’s events with proofs, a signed checkpoint, and the state at both ends into one file',
      load: async () => {
        const { exportBundle, exportUsage } = await import('./bundle.ts')
        return { run: exportBundle, usage: exportUsage }
      },
    },
    {
      name: 'check',
      takes: 'FILE|FOLDER --key VKEY|FILE [--witness VKEY|FILE]…',
      says: 'tells whether such a file, or an archive, is what the log has: needs no server, no database and no network',
      load: async () => {
        const { checkBundleFile, checkUsage } = await import('./bundle.ts')
        return { run: checkBundleFile, usage: checkUsage }
      },
    },
    {
      name: 'transparency',
      takes: '--space TYPE:ID --from TIME --to TIME [--json]',
      says: 'counts what was reported in a room in a span of time, and what came of it',
      load: async () => {
        const { transparency, transparencyUsage } = await import('./transparency.ts')
        return { run: transparency, usage: transparencyUsage }
      },
    },
    {
      name: 'what-if',
      takes:
        'TYPE:ID --from TIME --to TIME [--set NAME=VALUE]… [--words WORD,…] [--count N --seconds N] [--json]',
      says: 'decides a room’s past again under another rule, and lists what would have been otherwise',
      load: async () => {
        const { whatIfRoom, whatIfUsage } = await import('./what-if.ts')
        return { run: whatIfRoom, usage: whatIfUsage }
      },
    },
    {
      name: 'went-back',
      takes: '[--to EVENTS]',
      says: 'says, signed, that an older backup of the log was put back, so that checkpoints of what was lost are told from a second history',
      load: async () => {
        const { wentBack, wentBackUsage } = await import('./went-back.ts')
        return { run: wentBack, usage: wentBackUsage }
      },
    },
    {
      name: 'replay',
      takes: 'TYPE:ID [--from WHEN] [--to WHEN] [--speed 60x] [--plain | --json]',
      says: 'shows a room as it was: who was in, what was said and what happened, played, paused and stepped in the terminal',
      load: async () => {
        const { replayRoom, replayUsage } = await import('./replay.ts')
        return { run: replayRoom, usage: replayUsage }
      },
    },
  ],
  notes: `A key is as GET /api/audit/key has it; a checkpoint as GET /api/audit/checkpoint does. See docs/proof.md.
presence help audit WORD explains one.`,
}
