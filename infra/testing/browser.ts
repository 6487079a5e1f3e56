/** A real Chromium for one test file (`// needs: chromium`), driven over its own protocol, and pages to open in it. */
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import puppeteer, { type Browser, type Page } from 'puppeteer-core'

export type { Browser, CDPSession, Page } from 'puppeteer-core'

/** Headless, with a profile of its own that goes when it is closed. Nothing but loopback addresses is reached. */
export const testBrowser = (more: ReadonlyArray<string> = []): Promise<Browser> =>
  puppeteer.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    // As large as `--window-size` says.
    defaultViewport: null,
    args: [
      // As root it runs without a sandbox; only our own pages are opened.
      '--no-sandbox',
      '--disable-dev-shm-usage',
      '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1',
      // For voice without a device and without asking.
      '--use-fake-device-for-media-stream',
      '--use-fake-ui-for-media-stream',
      ...more,
    ],
  })

/** For pages that draw a scene: one frame in `ms`. Without a graphics card, sixty a second take most of a core. */
export const drawSeldom = async (page: Page, ms = 90): Promise<void> => {
  await page.evaluateOnNewDocument(`{
    const draw = requestAnimationFrame.bind(globalThis)
    globalThis.requestAnimationFrame = (frame) => setTimeout(() => draw(frame), ${ms})
    globalThis.cancelAnimationFrame = clearTimeout.bind(globalThis)
  }`)
}

export type Pages = {
  /** `http://localhost:PORT`: another site than 127.0.0.1, so that neither cookies nor permission travel by themselves. */
  readonly origin: string
  readonly close: () => Promise<void>
}

const CLIENT = fileURLToPath(
  new URL('../../node_modules/socket.io-client/dist/socket.io.min.js', import.meta.url),
)
const BLANK =
  '<!doctype html><meta charset="utf-8"><title>a page</title><script src="/socket.io-client.js"></script>'

/** Pages of an origin of their own: by path their text, any other is blank but for `io`, Socket.IO's client as it comes. */
export const testPages = async (pages: Readonly<Record<string, string>> = {}): Promise<Pages> => {
  const server = createServer((request, response) => {
    const path = new URL(request.url ?? '/', 'http://localhost').pathname
    const isClient = path === '/socket.io-client.js'
    const isScript = isClient || path.endsWith('.js')
    response.setHeader('content-type', `${isScript ? 'text/javascript' : 'text/html'}; charset=utf-8`)
    response.end(isClient ? readFileSync(CLIENT) : (pages[path] ?? BLANK))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    origin: `http://localhost:${(server.address() as AddressInfo).port}`,
    close: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
