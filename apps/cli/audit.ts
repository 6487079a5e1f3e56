/** `presence audit …`: each of its words in a file of its own. */
import type { Command } from './command.ts'

type Word = { readonly usage: string; readonly load: () => Promise<Command['run']> }

/** `usage` in a line or a few, as it stands in the list. */
const WORDS: Readonly<Record<string, Word>> = {
  verify: {
    usage: `verify [--checkpoint FILE]… [--key VKEY|FILE]…
    makes everything anew from the log, and names each row and checkpoint that differs`,
    load: async () => (await import('./audit-verify.ts')).verify,
  },
  export: {
    usage: `export --space TYPE:ID [--from TIME] [--to TIME] -o FILE
    a room's events with proofs, a signed checkpoint, and the state at both ends, in one file`,
    load: async () => (await import('./audit-bundle.ts')).exportBundle,
  },
  check: {
    usage: `check FILE --key VKEY|FILE
    whether such a file is what the log has: needs no server, no database and no network`,
    load: async () => (await import('./audit-bundle.ts')).checkBundleFile,
  },
  replay: {
    usage: `replay TYPE:ID [--from WHEN] [--to WHEN] [--speed 60x] [--plain | --json]
    a room as it was: who was in, what was said and what happened, played, paused and stepped in the terminal`,
    load: async () => (await import('./audit-replay.ts')).replayRoom,
  },
}

const usage = `presence audit WORD …

${Object.values(WORDS)
  .map((word) => `  ${word.usage}`)
  .join('\n')}

A key is as GET /api/audit/key has it; a checkpoint as GET /api/audit/checkpoint does. See docs/proof.md.`

export const audit: Command = {
  name: 'audit',
  summary: 'prove the record: verify all of it, or export a room as a file that proves itself',
  usage,
  run: async ([word = '', ...args], io) => {
    const found = Object.hasOwn(WORDS, word) ? WORDS[word] : undefined
    if (found === undefined) {
      io.err(usage)
      return 2
    }
    return (await found.load())(args, io)
  },
}
