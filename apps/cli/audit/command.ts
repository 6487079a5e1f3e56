/** `presence audit …`: each of its words in a file of its own. */
import type { Command } from '../command.ts'
import { nearest } from '../nearest.ts'

type Word = {
  readonly usage: string
  /** With all that there is to say of it. */
  readonly load: () => Promise<Pick<Command, 'run' | 'usage'>>
}

/** `usage` in a line or a few, as it stands in the list. */
const WORDS: Readonly<Record<string, Word>> = {
  verify: {
    usage: `verify [--checkpoint FILE]… [--key VKEY|FILE]… [--limit N]
    makes everything anew from the log, and names each row and checkpoint that differs`,
    load: async () => {
      const { verify, verifyUsage } = await import('./verify.ts')
      return { run: verify, usage: verifyUsage }
    },
  },
  export: {
    usage: `export --space TYPE:ID [--from TIME] [--to TIME] -o FILE [--force]
    a room's events with proofs, a signed checkpoint, and the state at both ends, in one file`,
    load: async () => {
      const { exportBundle, exportUsage } = await import('./bundle.ts')
      return { run: exportBundle, usage: exportUsage }
    },
  },
  check: {
    usage: `check FILE --key VKEY|FILE
    whether such a file is what the log has: needs no server, no database and no network`,
    load: async () => {
      const { checkBundleFile, checkUsage } = await import('./bundle.ts')
      return { run: checkBundleFile, usage: checkUsage }
    },
  },
  replay: {
    usage: `replay TYPE:ID [--from WHEN] [--to WHEN] [--speed 60x] [--plain | --json]
    a room as it was: who was in, what was said and what happened, played, paused and stepped in the terminal`,
    load: async () => {
      const { replayRoom, replayUsage } = await import('./replay.ts')
      return { run: replayRoom, usage: replayUsage }
    },
  },
}

const usage = `presence audit WORD …

${Object.values(WORDS)
  .map((word) => `  ${word.usage}`)
  .join('\n')}

A key is as GET /api/audit/key has it; a checkpoint as GET /api/audit/checkpoint does. See docs/proof.md.
presence help audit WORD explains one.`

const wordOf = (word: string): Word | undefined => (Object.hasOwn(WORDS, word) ? WORDS[word] : undefined)

export const audit: Command = {
  name: 'audit',
  summary: 'prove the record: verify all of it, or export a room as a file that proves itself',
  usage,
  usageOf: async (word) => (await wordOf(word)?.load())?.usage ?? null,
  run: async ([word, ...args], io) => {
    const found = wordOf(word ?? '')
    if (found === undefined) {
      const near = nearest(word ?? '', Object.keys(WORDS))
      const meant = near.length > 0 ? ` Did you mean ${near.join(' or ')}?` : ''
      io.err(word === undefined ? usage : `There is no presence audit ${word}.${meant}\n\n${usage}`)
      return 2
    }
    return (await found.load()).run(args, io)
  },
}
