#!/usr/bin/env node
// Starts the node: from what `npm pack` compiled where that is there, else from the sources.
import { existsSync } from 'node:fs'

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
if (major < 22 || (major === 22 && minor < 13)) {
  console.error(`The event store needs Node 22.13 or later; this is ${process.versions.node}.`)
  process.exit(1)
}
const compiled = new URL('./dist/main.js', import.meta.url)
await import((existsSync(compiled) ? compiled : new URL('./main.ts', import.meta.url)).href)
