/** The console's script: taken from `dist` if the image was built with it, else bundled at the first request. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { brotliCompressSync, gzipSync } from 'node:zlib'

const pathOf = (name: string): string => fileURLToPath(new URL(name, import.meta.url))
const MADE = pathOf('./dist/console.js')

/** Uses the bundler of both packages, which a server that has `dist` never loads. */
const bundle = async (): Promise<Buffer> => {
  const { build } = await import('esbuild')
  const { outputFiles } = await build({
    entryPoints: [pathOf('./page/main.js')],
    bundle: true,
    write: false,
    minify: true,
    format: 'esm',
    target: 'es2022',
    charset: 'utf8',
    legalComments: 'inline',
    logLevel: 'silent',
  })
  return Buffer.from(outputFiles[0]!.contents)
}

export type ConsoleScript = { readonly plain: Buffer; readonly brotli: Buffer; readonly gzip: Buffer }
let made: Promise<ConsoleScript> | null = null

/** Made once per process. If it fails, the next request tries again. */
export const consoleScript = (): Promise<ConsoleScript> => {
  made ??= (existsSync(MADE) ? Promise.resolve(readFileSync(MADE)) : bundle()).then((plain) => ({
    plain,
    brotli: brotliCompressSync(plain),
    gzip: gzipSync(plain),
  }))
  made.catch(() => {
    made = null
  })
  return made
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const plain = await bundle()
  mkdirSync(pathOf('./dist'), { recursive: true })
  writeFileSync(MADE, plain)
  const { brotli, gzip } = await consoleScript()
  console.log(`${MADE}: ${plain.length} bytes, ${gzip.length} with gzip, ${brotli.length} with brotli`)
}
