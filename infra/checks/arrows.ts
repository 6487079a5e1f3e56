/** `npm run arrows`: says which imports go against the architecture's arrows, and ends with 1 where one does. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { readSources } from './imports.ts'
import { broken } from './rules.ts'

const root = join(import.meta.dirname, '../..')
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
const sources = readSources(root)
const sentences = broken(sources, {
  dependencies: Object.keys(manifest.dependencies),
  devDependencies: Object.keys(manifest.devDependencies),
})
for (const sentence of sentences) console.log(sentence)
console.log(`${sources.length} files, ${sentences.length} imports against the arrows`)
process.exitCode = sentences.length > 0 || sources.length === 0 ? 1 : 0
