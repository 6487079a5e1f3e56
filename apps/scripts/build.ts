/** What pages include, made from the client's sources with esbuild: each once, when it is first asked for. */
import { createHash } from 'node:crypto'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import type { BuildOptions } from 'esbuild'

export type ClientScript = { readonly body: Buffer; readonly gzipped: Buffer; readonly etag: string }

const source = (name: string): string => fileURLToPath(new URL(`../client/src/${name}`, import.meta.url))

const GLOBAL: BuildOptions = { format: 'iife', globalName: 'DLUXPresence' }
/** By path: what a page includes. */
export const SCRIPTS = {
  '/presence.js': { entry: 'script.ts', ...GLOBAL },
  '/presence.mjs': { entry: 'module.ts', format: 'esm' },
  '/presence-aframe.js': { entry: 'aframe.ts', ...GLOBAL },
  '/presence-sfu.mjs': { entry: 'sfu.ts', format: 'esm' },
  '/presence-three.js': { entry: 'three.ts', format: 'esm' },
} as const satisfies Record<string, BuildOptions & { readonly entry: string }>
export type ScriptPath = keyof typeof SCRIPTS

const make = async (path: ScriptPath): Promise<ClientScript> => {
  const { entry, ...options } = SCRIPTS[path]
  const { build } = await import('esbuild')
  const { outputFiles } = await build({
    entryPoints: [source(entry)],
    bundle: true,
    minify: true,
    write: false,
    // Browsers of 2022 and later, headsets' among them.
    target: 'es2022',
    legalComments: 'none',
    logLevel: 'silent',
    ...options,
  })
  const body = Buffer.from(outputFiles?.[0]?.contents ?? '')
  const etag = `"${createHash('sha256').update(body).digest('base64url').slice(0, 22)}"`
  return { body, gzipped: gzipSync(body, { level: 9 }), etag }
}

const made = new Map<ScriptPath, Promise<ClientScript>>()
/** However many ask at once, it is made once; one that failed is made again by the next who asks. */
export const scriptAt = (path: ScriptPath): Promise<ClientScript> => {
  const known = made.get(path)
  if (known !== undefined) return known
  const making = make(path)
  made.set(path, making)
  making.catch(() => made.delete(path))
  return making
}
