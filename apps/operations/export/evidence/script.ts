/** The script of a file of evidence: from `dist` if the image was built with it, else bundled when first needed. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const pathOf = (name: string): string => fileURLToPath(new URL(name, import.meta.url))
const MADE = pathOf('./dist/evidence.js')

const bundle = async (): Promise<string> => {
  const { build } = await import('esbuild')
  const { outputFiles } = await build({
    entryPoints: [pathOf('./page/page.js')],
    bundle: true,
    write: false,
    minify: true,
    format: 'iife',
    target: 'es2022',
    // It must not depend on the encoding in which a file is read.
    charset: 'ascii',
    legalComments: 'none',
    logLevel: 'silent',
  })
  return outputFiles[0]!.text.trim()
}

let made: Promise<string> | null = null
/** Made once per process. If it fails, the next caller tries again. */
export const evidenceScript = (): Promise<string> => {
  made ??= existsSync(MADE) ? Promise.resolve(readFileSync(MADE, 'utf8')) : bundle()
  made.catch(() => {
    made = null
  })
  return made
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  mkdirSync(pathOf('./dist'), { recursive: true })
  writeFileSync(MADE, await bundle())
}
