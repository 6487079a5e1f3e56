/** Every command, by its name: one file each, read only when it is asked for, so that start-up is quick. */
import type { Entry } from './command.ts'

export type { Entry }

export const registry: ReadonlyArray<Entry> = [
  {
    name: 'audit',
    summary: 'prove the record: verify all of it, or export a room as a file that proves itself',
    load: async () => (await import('./audit/command.ts')).audit,
  },
  {
    name: 'backup',
    summary:
      'the log, the keys and the settings into one folder, while everything runs; put one back as a drill',
    load: async () => (await import('./backup/command.ts')).backup,
  },
  {
    name: 'completion',
    summary: 'a script that completes these commands in bash or zsh',
    load: async () => (await import('./completion/command.ts')).completionFor(registry),
  },
  {
    name: 'content',
    summary: 'posts, documents and their permissions: load a file, follow DLUX’s primary',
    load: async () => (await import('./content/command.ts')).content,
  },
  {
    name: 'doctor',
    summary: 'look at each thing that can be wrong, and say what to do about it',
    load: async () => (await import('./doctor/command.ts')).doctor,
  },
  {
    name: 'load',
    summary: 'how your own server does under so many people who say so much: a table, a chart, JSON',
    load: async () => (await import('./load/command.ts')).load,
  },
  {
    name: 'log',
    summary: 'the whole log: back up, restore, export, import into any EventStoreDB, archive, scavenge',
    load: async () => (await import('./log/command.ts')).log,
  },
  {
    name: 'parked',
    summary: 'events that wait because they could not be read: list, show, retry, let go',
    load: async () => (await import('./parked/command.ts')).parked,
  },
  {
    name: 'privacy',
    summary: 'erase a person, or give them all that is held on them',
    load: async () => (await import('./privacy/command.ts')).privacy,
  },
  {
    name: 'rebuild',
    summary: 'make all tables anew from the log, and swap them in',
    load: async () => (await import('./rebuild/command.ts')).rebuild,
  },
  {
    name: 'restore',
    summary: 'put a backup back where there is nothing yet',
    load: async () => (await import('./restore/command.ts')).restore,
  },
  {
    name: 'room',
    summary: 'perform a real room’s log on a server and compare every table with it',
    load: async () => (await import('./room/command.ts')).room,
  },
  {
    name: 'setup',
    summary: 'write an .env for production: asks three things, makes every secret',
    load: async () => (await import('./setup/command.ts')).setup,
  },
  {
    name: 'space',
    summary: 'ban, mute, kick, grant, settings of a room, from a shell',
    load: async () => (await import('./space/command.ts')).space,
  },
  {
    name: 'status',
    summary: 'what runs here, where it listens, and how it is',
    load: async () => (await import('./status/command.ts')).status,
  },
  {
    name: 'upgrade',
    summary: 'what this version would change, and what of it can’t be undone',
    load: async () => (await import('./upgrade/command.ts')).upgrade,
  },
  {
    name: 'witness',
    summary: 'follow another operator’s log, and cosign it as long as it only grows',
    load: async () => (await import('./witness/command.ts')).witness,
  },
]
