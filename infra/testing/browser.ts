/** A real Chromium for a test file (`// needs: chromium`), driven over its own protocol, and pages to open in it. */
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import puppeteer, { type BrowserContext, type Page } from 'puppeteer-core'
import { chromiumProgram } from './runner/packages.ts'
import { shared } from './runner/shared.ts'

export type { CDPSession, Page } from 'puppeteer-core'

/** A browser as its user has it: of what others do in the same Chromium nothing is seen. */
export type Browser = {
  /** A visitor of their own: nothing is kept from one to the next, be it a cookie, a permission or a file of a page. */
  readonly createBrowserContext: () => Promise<BrowserContext>
  /** A page of one and the same visitor. */
  readonly newPage: () => Promise<Page>
  /** Ends its visitors and all their pages. */
  readonly close: () => Promise<void>
}

/** For pages that draw scenes or carry voices between browsers of one machine, in small windows. */
export const SCENES_AND_VOICES: ReadonlyArray<string> = [
  '--enable-unsafe-swiftshader',
  '--autoplay-policy=no-user-gesture-required',
  '--allow-loopback-in-peer-connection',
  // Without a name service for their own names.
  '--disable-features=WebRtcHideLocalIpsWithMdns',
  '--window-size=240,180',
]

/** How often a page is asked whether what is waited for is so. Puppeteer asks with each frame, for which the page is drawn sixty
 *  times a second. */
const ASK_EACH_MS = 40
const patient = (visitor: BrowserContext): BrowserContext => {
  const open = visitor.newPage.bind(visitor)
  visitor.newPage = async (...given) => {
    const page = await open(...given)
    const wait = page.waitForFunction.bind(page)
    page.waitForFunction = (what, options, ...more) =>
      wait(what, { polling: ASK_EACH_MS, ...options }, ...more)
    return page
  }
  return visitor
}

const ENDS_WITHIN_MS = 5_000
const launch = async (more: ReadonlyArray<string>) => {
  const chromium = await puppeteer.launch({
    executablePath: process.env.CHROMIUM ?? chromiumProgram() ?? 'chromium',
    // It ends with the pipe, also where this process is killed.
    pipe: true,
    // The whole Chromium takes this, too.
    headless: 'shell',
    // As large as `--window-size` says.
    defaultViewport: null,
    args: [
      // As root it runs without a sandbox; only our own pages are opened.
      '--no-sandbox',
      '--disable-dev-shm-usage',
      '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1',
      // Else each page that is opened starts a process for the next one, too.
      '--disable-features=SpareRendererForSitePerProcess',
      // For voice without a device and without asking.
      '--use-fake-device-for-media-stream',
      '--use-fake-ui-for-media-stream',
      ...more,
    ],
  })
  const child = chromium.process()
  const kill = (): void => {
    try {
      if (child?.pid !== undefined) process.kill(-child.pid, 'SIGKILL')
    } catch {
      // Nothing was left.
    }
  }
  const end = async (): Promise<void> => {
    // One that no longer answers would never say that it closes.
    const late = setTimeout(kill, ENDS_WITHIN_MS)
    await chromium.close().catch(() => {})
    clearTimeout(late)
    // What a crash left would go on.
    kill()
  }
  return { chromium, end }
}

/** Headless, with a profile of its own that goes when it is closed. Nothing but loopback addresses is reached. Files of one process
 *  that ask for the same flags use one Chromium; where it crashed, the next file has a new one. */
export const testBrowser = async (more: ReadonlyArray<string> = []): Promise<Browser> => {
  const { it, leave } = await shared(
    `chromium ${more.join(' ')}`,
    () => launch(more),
    ({ chromium }) => chromium.connected,
  )
  const { chromium } = it
  const visitors: BrowserContext[] = []
  const createBrowserContext = async () => {
    const visitor = patient(await chromium.createBrowserContext())
    visitors.push(visitor)
    return visitor
  }
  let own: Promise<BrowserContext> | null = null
  return {
    createBrowserContext,
    newPage: async () => {
      own ??= createBrowserContext()
      return (await own).newPage()
    },
    close: async () => {
      const open = chromium.connected ? chromium.browserContexts() : []
      await Promise.all(visitors.filter((one) => open.includes(one)).map((one) => one.close()))
      await leave()
    },
  }
}

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
