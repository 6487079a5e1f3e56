// What `npm pack` sees: compiled sources, since Node reads no TypeScript below node_modules. `after` puts the manifest back.
import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'

const manifest = new URL('./package.json', import.meta.url)
const kept = new URL('./package.json.kept', import.meta.url)
if (process.argv[2] === 'after') {
  renameSync(kept, manifest)
  rmSync(new URL('./dist', import.meta.url), { recursive: true, force: true })
} else {
  const text = readFileSync(manifest, 'utf8')
  const { publishConfig, scripts: _, devDependencies: __, ...published } = JSON.parse(text)
  writeFileSync(kept, text)
  // npm itself takes no exports from publishConfig.
  writeFileSync(manifest, `${JSON.stringify({ ...published, ...publishConfig, scripts: { postpack: JSON.parse(text).scripts.postpack } }, null, 2)}\n`)
}
