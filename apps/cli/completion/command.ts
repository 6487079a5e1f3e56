/** `presence completion bash|zsh`: a script for the shell, made from the commands' own descriptions. */
import { type Command, type Entry, Misused } from '../command.ts'
import { flagsOf, usageOf, usageOfWord } from '../usage.ts'

type Offered = {
  readonly name: string
  readonly words: ReadonlyArray<string>
  readonly flags: ReadonlyArray<string>
}

const offeredBy = async (command: Command): Promise<Offered> => {
  const words = 'words' in command ? command.words : []
  const texts = [
    usageOf(command),
    ...('words' in command ? await Promise.all(words.map((word) => usageOfWord(command, word))) : []),
  ]
  const flags = flagsOf(texts.join('\n'))
  return { name: command.name, words: words.map(({ name }) => name), flags: ['--help', ...flags] }
}

const bash = (all: ReadonlyArray<Offered>): string => `# presence completion bash
_presence() {
  local word="\${COMP_WORDS[COMP_CWORD]}" words=""
  if [ "$COMP_CWORD" -eq 1 ]; then words="help ${all.map(({ name }) => name).join(' ')}"
  else case "\${COMP_WORDS[1]}" in
    help) words="${all.map(({ name }) => name).join(' ')}" ;;
${all
  .map(
    ({ name, words, flags }) =>
      `    ${name}) if [ "$COMP_CWORD" -eq 2 ]; then words="${[...words, ...flags].join(' ')}"; else words="${flags.join(' ')}"; fi ;;`,
  )
  .join('\n')}
  esac; fi
  COMPREPLY=($(compgen -W "$words" -- "$word"))
}
complete -o default -F _presence presence`

/** zsh reads bash's own form. */
const zsh = (all: ReadonlyArray<Offered>): string =>
  `# presence completion zsh\nautoload -Uz compinit bashcompinit && compinit && bashcompinit\n${bash(all)}`

export const completionOf = async (shell: 'bash' | 'zsh', entries: ReadonlyArray<Entry>): Promise<string> => {
  const all = await Promise.all(entries.map(async ({ load }) => offeredBy(await load())))
  return shell === 'bash' ? bash(all) : zsh(all)
}

export const completionFor = (entries: ReadonlyArray<Entry>): Command => ({
  name: 'completion',
  summary: 'a script that completes these commands in bash or zsh',
  words: (['bash', 'zsh'] as const).map((shell) => ({
    name: shell,
    takes: '',
    says: `prints the script for ${shell}`,
    load: async () => ({
      run: async (args, io) => {
        if (args.length > 0) throw new Misused(`presence completion ${shell} takes nothing more.`)
        const script = await completionOf(shell, entries)
        io.data?.({ shell, script })
        io.out(script)
        return 0
      },
    }),
  })),
  notes: `It completes presence's commands, their words and flags. presence must be a command of the shell:

  alias presence='npm run --silent presence --'
  source <(presence completion bash)`,
})
