/** `import { join } from 'https://HOST/presence.mjs'`: the server is where it came from. */
import { cameFrom } from './index.ts'

export * from './index.ts'

cameFrom(new URL(import.meta.url).origin)
