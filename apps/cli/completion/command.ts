/** `presence completion bash|zsh`: a script for the shell, made of what the commands' own usage says. */
import type { Command, Entry } from '../command.ts'

const usage = `presence completion bash|zsh

Prints a script that completes presence's commands, their words and flags. presence is to be a command of the shell:

  alias presence='npm run --silent presence --'
  source <(presence completion bash)`

type Words = {
  readonly name: string
  readonly verbs: ReadonlyArray<string>
  readonly flags: ReadonlyArray<string>
}

/** `presence space ban|mute SPACE` has the words `ban` and `mute`. */
export const wordsOf = ({ name, usage: text }: Pick<Command, 'name' | 'usage'>): Words => {
  const verbs = new Set<string>()
  for (const [, words = ''] of text.matchAll(new RegExp(`^presence ${name} \\[?([a-z][a-z| ]*)`, 'gm')))
    for (const word of words.split('|')) verbs.add(word.trim().split(' ')[0]!)
  const flags = new Set([...text.matchAll(/--[a-z][a-z-]*/g)].map(([flag]) => flag))
  return { name, verbs: [...verbs].filter((word) => word !== ''), flags: ['--help', ...flags] }
}

const bash = (all: ReadonlyArray<Words>): string => `# presence completion bash
_presence() {
  local word="\${COMP_WORDS[COMP_CWORD]}" words=""
  if [ "$COMP_CWORD" -eq 1 ]; then words="help ${all.map(({ name }) => name).join(' ')}"
  else case "\${COMP_WORDS[1]}" in
    help) words="${all.map(({ name }) => name).join(' ')}" ;;
${all
  .map(
    ({ name, verbs, flags }) =>
      `    ${name}) if [ "$COMP_CWORD" -eq 2 ]; then words="${[...verbs, ...flags].join(' ')}"; else words="${flags.join(' ')}"; fi ;;`,
  )
  .join('\n')}
  esac; fi
  COMPREPLY=($(compgen -W "$words" -- "$word"))
}
complete -o default -F _presence presence`

/** zsh reads bash's own form. */
const zsh = (all: ReadonlyArray<Words>): string =>
  `# presence completion zsh\nautoload -Uz compinit bashcompinit && compinit && bashcompinit\n${bash(all)}`

export const completionOf = async (shell: string, entries: ReadonlyArray<Entry>): Promise<string | null> => {
  if (shell !== 'bash' && shell !== 'zsh') return null
  const all = await Promise.all(entries.map(async ({ load }) => wordsOf(await load())))
  return shell === 'bash' ? bash(all) : zsh(all)
}

export const completionFor = (entries: ReadonlyArray<Entry>): Command => ({
  name: 'completion',
  summary: 'a script that completes these commands in bash or zsh',
  usage,
  run: async ([shell = '', ...rest], io) => {
    const script = rest.length > 0 ? null : await completionOf(shell, entries)
    if (script === null) {
      io.err(usage)
      return 2
    }
    io.out(script)
    return 0
  },
})
