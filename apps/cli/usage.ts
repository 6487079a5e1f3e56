/** A command's usage, made from its own description: for help, for errors, and for the shell's completion. */
import type { Command, CommandOfWords, Word } from './command.ts'

const lineOf = (command: CommandOfWords, { name, takes }: Word): string =>
  `presence ${command.name} ${command.otherwise === name ? `[${name}]` : name} ${takes}`.trimEnd()

const indented = (text: string): string => text.replace(/^(?=.)/gm, '    ')

export const usageOf = (command: Command): string => {
  if (!('words' in command)) return command.usage
  const words = command.words.map((word) => `${lineOf(command, word)}\n${indented(word.says)}`)
  return [...words, command.notes].filter((part) => part !== '').join('\n\n')
}

/** The usage of one word: its own longer text, else its arguments and what it does, with the notes that apply to all. */
export const usageOfWord = async (command: CommandOfWords, word: Word): Promise<string> =>
  (await word.load()).usage ??
  [`${lineOf(command, word)}\n\n${word.says}`, command.notes].filter((part) => part !== '').join('\n\n')

/** The flags that a usage names. */
export const flagsOf = (usage: string): ReadonlySet<string> =>
  new Set([...usage.matchAll(/--[a-z][a-z-]*/g)].map(([flag]) => flag))
