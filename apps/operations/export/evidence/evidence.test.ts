/** A room's record as one HTML file: opened in Chromium with the network cut, and forged in every part of it.
 *  EVIDENCE_TRIALS=1000 for the full run; EVIDENCE_EVENTS=10000 for its size and time at size. */
// needs: chromium
// timeout: 240
import { createSecretKey, randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { deflateRawSync, inflateRawSync } from 'node:zlib'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { commitmentTo } from '../../../../adapters/privacy/commitment.ts'
import { sealedLog } from '../../../../adapters/privacy/sealed-log.ts'
import type { Vault } from '../../../../adapters/privacy/vault.ts'
import type { AnyEvent } from '../../../../domain/codec.ts'
import { type Browser, type Page, testBrowser } from '../../../../infra/testing/browser.ts'
import { type MemoryLog, memoryLog } from '../../../../infra/testing/memory-log.ts'
import { testDatabase } from '../../../../infra/testing/postgres.ts'
import { until } from '../../../../infra/testing/until.ts'
import { checkBundle } from '../../../../projections/proof/check-bundle.ts'
import { signerOf, signNote, verifierOf } from '../../../../projections/proof/note.ts'
import { alice, at, bob, guest, joined, posted, recorded } from '../../../../projections/testing/events.ts'
import { runProjector } from '../../../projector/projector.ts'
import { exportBundleTo } from '../bundle.ts'
import { evidenceOf } from './evidence.ts'

type Context = { browser: Browser; page: Page; log: MemoryLog; bundle: string; html: string; asked: string[] }
const test = suite<Context>('evidence')
const TRIALS = Number(process.env.EVIDENCE_TRIALS ?? 20)
const EVENTS = Number(process.env.EVIDENCE_EVENTS ?? 120)
const space = { type: 'post', id: 'alice/my-post' } as const
const signer = signerOf('presence.test', Buffer.alloc(32, 3))
const verifier = verifierOf(signer)
const folder = mkdtempSync(join(tmpdir(), 'evidence-'))
const key = { generation: 1, key: createSecretKey(randomBytes(32)) }
const vault: Vault = {
  sealing: async (subjects) => new Map(subjects.map((subject) => [subject, key])),
  opening: async (refs) =>
    new Map(refs.map(({ subject, generation }) => [`${subject}#${generation}`, key.key])),
}
const HOSTILE = '<img src=x onerror="document.title=1"></script><script>document.title=2</script>'

const says = (by: typeof alice, n: number, content: string) =>
  recorded(
    space,
    posted(`m${n}`, content, n, {
      account: by.kind === 'account' ? by.id : null,
      guest: by.kind === 'guest' ? by.id : null,
    }),
    by,
    `said ${n}`,
  )
const written = async (log: MemoryLog): Promise<void> => {
  const sealed = sealedLog(log, vault)
  const put = async ({ stream, event }: ReturnType<typeof recorded>) =>
    void (await sealed.append(stream, 'any', [event])())
  const people = [alice, bob, guest]
  for (const [n, who] of people.entries())
    await put(recorded(space, joined(`s${n}`, who, n), who, `joined ${n}`))
  const elsewhere = { type: 'global', id: 'lobby' } as const
  for (let n = 10; n < EVENTS; n += 1) {
    await put(says(people[n % 3]!, n, n === 20 ? HOSTILE : `Words number ${n}, with é 👍 and "quotes".`))
    // Another room’s events between, so that the proof has hashes of its own.
    if (n % 7 === 0) await put(recorded(elsewhere, posted(`x${n}`, 'elsewhere', n), bob, `else ${n}`))
  }
  const muted = {
    type: 'AccountMuted',
    data: { subject: 'bob', by: alice, reason: 'shouting', until: null, at: at(EVENTS) },
  } as AnyEvent
  await put(recorded(space, muted, alice, 'muted'))
}

test.before(async (context) => {
  const log = memoryLog()
  await written(log)
  const database = await testDatabase()
  const projector = runProjector({ log: sealedLog(log, vault), databaseUrl: database.url })
  await until('all is applied', () => projector.state().position === log.events.at(-1)!.position, 60_000)
  await projector.stop()
  let bundle = ''
  await exportBundleTo({
    log,
    databaseUrl: database.url,
    signer,
    space,
    from: null,
    to: null,
    write: async (line) => {
      bundle += line
    },
  })
  const browser = await testBrowser()
  const page = await browser.newPage()
  const asked: string[] = []
  page.on('request', (request) => asked.push(request.url()))
  await page.setOfflineMode(true)
  const html = (await make(log, bundle, (author) => author !== 'bob')).html
  Object.assign(context, { log, bundle, browser, page, html, asked })
})
test.after(async ({ browser }) => {
  await browser?.close()
  rmSync(folder, { recursive: true })
})

const make = (log: MemoryLog, bundle: string, shows: (author: string) => boolean) =>
  evidenceOf(bundle, { signer, open: sealedLog(log, vault).open, shows, madeAt: at(1_000) })

type Shown = {
  readonly verdict: string
  readonly named: ReadonlyArray<string>
  readonly title: string
  readonly text: string
}
/** What the file says once it is opened. */
const opened = async ({ page }: Context, html: string | Buffer): Promise<Shown> => {
  const file = join(folder, 'evidence.html')
  writeFileSync(file, html)
  const blocked = new Promise<void>((resolve) => {
    page.removeAllListeners('console')
    page.on('console', (said) => {
      if (said.type() === 'error' && said.text().includes('Content Security Policy')) resolve()
    })
  })
  await page.goto(pathToFileURL(file).href, { waitUntil: 'domcontentloaded' })
  // A script that was altered does not run: then the page says that nothing was checked.
  await Promise.race([page.waitForFunction(`document.documentElement.hasAttribute('data-done')`), blocked])
  return (await page.evaluate(`({
    verdict: document.querySelector('#verdict').textContent,
    named: [...document.querySelectorAll('#checks .fails')].map((one) => one.textContent),
    title: document.title,
    text: document.body.textContent,
  })`)) as Shown
}
/** The page moved to that moment, and then asked. */
const momentOf = (index: number, ask: string): string =>
  `{ const slider = document.querySelector('#slider'); slider.value = ${index}; slider.dispatchEvent(new Event('input')); ${ask} }`
const HOLDS = /^It holds/
/** At size only the size is looked at. */
const each = EVENTS >= 10_000 ? test.skip : test

each(
  'given a room’s record, when it is opened without a network, then it checks itself, plays, and asks for nothing',
  async (context) => {
    const { verdict, named, title, text } = await opened(context, context.html)
    assert.equal([HOLDS.test(verdict), named], [true, []], verdict)
    assert.is(title, 'A room’s record')
    assert.match(text, /post:alice\/my-post/)
    assert.match(text, /Words number \d+, with é 👍 and "quotes"\./)
    assert.match(text, /bob is muted by alice: shouting/)
    assert.match(text, /words withheld/)
    assert.ok(context.asked.every((url) => url.startsWith('file:')))
    const people = await context.page.evaluate(momentOf(1, `document.querySelector('#people').textContent`))
    assert.match(String(people), /^alice · main$/)
    const [chat, still] = (await context.page.evaluate(
      momentOf(30, `[document.querySelector('#chat').textContent, document.title]`),
    )) as [string, string]
    assert.ok(chat.includes(HOSTILE))
    assert.is(still, 'A room’s record')
  },
)
each(
  'given withheld words, then they are nowhere in the file, the others’ are, and the bundle inside is the bundle',
  async (context) => {
    const record = inflateRawSync(
      Buffer.from(/id="record">([^<]*)</.exec(context.html)![1]!, 'base64'),
    ).toString()
    const bobs = context.log
      .all()
      .filter(
        ({ type, metadata }) =>
          type === 'MessagePosted' && (metadata as { actor: { id: string } }).actor.id === 'bob',
      )
    assert.ok(bobs.length > 5)
    for (const { revision, stream } of bobs)
      if (stream.endsWith('my-post')) assert.not(record.includes(`Words number ${Number(revision) + 10},`))
    assert.ok(record.includes('Words number 12,'))
    await context.page.evaluate(`{
      const made = URL.createObjectURL
      URL.createObjectURL = (blob) => {
        blob.text().then((text) => document.body.setAttribute('data-bundle', text))
        return made(blob)
      }
      document.querySelector('#save').click()
    }`)
    await context.page.waitForFunction(`document.body.hasAttribute('data-bundle')`)
    const saved = String(await context.page.evaluate(`document.body.getAttribute('data-bundle')`))
    assert.is(saved, context.bundle)
    assert.equal(
      (
        await checkBundle(
          saved.split('\n').map((line) => Buffer.from(line)),
          verifier,
        )
      ).faults,
      [],
    )
  },
)
each(
  'given words from before they were committed to, then they are shown, and it says that they are not proved',
  async (context) => {
    const open = async (...[events]: Parameters<ReturnType<typeof sealedLog>['open']>) =>
      (await sealedLog(context.log, vault).open(events)).map((event) => ({
        ...event,
        stored: { data: null, metadata: null },
      }))
    const { html } = await evidenceOf(context.bundle, { signer, open, shows: () => true, madeAt: at(1_000) })
    const { verdict, text } = await opened(context, html)
    assert.match(verdict, HOLDS)
    assert.match(text, /\d+ of them from before words were committed to/)
  },
)

/* ── forged ─────────────────────────────────────────────────────────────────────────────────────────────── */

const partsOf = (html: string) => {
  const [, before = '', record = '', between = '', seal = '', after = ''] =
    /^(.*id="record">)([^<]*)(<\/script>.*id="seal">)([^<]*)(<.*)$/s.exec(html) ?? []
  return { before, record, between, seal, after }
}
/** With the record’s lines changed, and sealed by another key under the same name: what a forger can do. */
const forged = (html: string, change: (lines: string[]) => void): string => {
  const { before, record, between, after } = partsOf(html)
  const lines = inflateRawSync(Buffer.from(record, 'base64')).toString().split('\n')
  change(lines)
  const packed = deflateRawSync(Buffer.from(lines.join('\n'))).toString('base64')
  const { seal } = partsOf(html)
  return `${before}${packed}${between}${seal}${after}`
}
/** The same by one who has the key of the seal too, so that only what the log itself says speaks against it. */
const resealed = async (html: string): Promise<string> => {
  const { createHash } = await import('node:crypto')
  const digest = (text: string) => createHash('sha256').update(text).digest('base64')
  const { before, record, between, after } = partsOf(html)
  const note = Buffer.from(partsOf(html).seal, 'base64').toString()
  const page = /page (\S+)/.exec(note)![1]
  const text = `dlux-presence-evidence v1\n${signer.name}\npage ${page}\nrecord ${digest(record)}\n`
  return `${before}${record}${between}${Buffer.from(signNote(text, signer)).toString('base64')}${after}`
}
const named = async (context: Context, what: string, html: string): Promise<void> => {
  const { verdict } = await opened(context, html)
  assert.not(HOLDS.test(verdict), `${what} was not named`)
}
const words = (
  lines: string[],
): { words: Record<string, { value: unknown; salt: string }>; withheld: string[] } => JSON.parse(lines[2]!)

each(
  'given words that were not said, though sealed again by the key, then they are named',
  async (context) => {
    const change = async (edit: (told: ReturnType<typeof words>) => void) =>
      resealed(
        forged(context.html, (lines) => {
          const told = words(lines)
          edit(told)
          lines[2] = JSON.stringify(told)
        }),
      )
    const first = (told: ReturnType<typeof words>) => Object.keys(told.words)[0]!
    await named(
      context,
      'another word',
      await change((told) => {
        told.words[first(told)]!.value = 'never said'
      }),
    )
    await named(
      context,
      'another salt',
      await change((told) => {
        told.words[first(told)]!.salt = Buffer.alloc(16).toString('base64')
      }),
    )
    await named(
      context,
      'words for one that has none',
      await change((told) => {
        told.words['no-event'] = told.words[first(told)]!
      }),
    )
    const { withheld } = words(
      inflateRawSync(Buffer.from(partsOf(context.html).record, 'base64'))
        .toString()
        .split('\n'),
    )
    for (const id of withheld.slice(0, Math.max(3, TRIALS / 20)))
      await named(
        context,
        `words for the withheld ${id}`,
        await change((told) => {
          told.withheld = told.withheld.filter((one) => one !== id)
          told.words[id] = { value: 'a guess', salt: Buffer.alloc(16, 1).toString('base64') }
        }),
      )
    await named(
      context,
      'what is withheld and is not',
      await change((told) => void told.withheld.push('no-event')),
    )
  },
)
each(
  'given events, leaves, nodes, the checkpoint or its key altered, though sealed again, then they are named',
  async (context) => {
    const lineOf = (which: number, edit: (line: string) => string) =>
      resealed(
        forged(context.html, (lines) => {
          const before = lines[which]!
          lines[which] = edit(before)
          assert.is.not(lines[which], before, `line ${which} was changed`)
        }),
      )
    const said = 6 + 5
    await named(
      context,
      'another time',
      await lineOf(said, (line) => line.replace('2026-01-01T00', '2026-01-01T01')),
    )
    await named(
      context,
      'another revision',
      await lineOf(said, (line) => line.replace(/"revision":"\d+"/, '"revision":"900"')),
    )
    await named(
      context,
      'another leaf',
      await lineOf(said, (line) => line.replace(/"leaf":(\d+)/, '"leaf":1$1')),
    )
    await named(
      context,
      'another commitment',
      await lineOf(said, (line) =>
        line.replace(/"commit":"./, (text) => (text.endsWith('A') ? '"commit":"B' : '"commit":"A')),
      ),
    )
    await named(
      context,
      'another seal on the log',
      await lineOf(said, (line) =>
        line.replace(/"sealed":"1\../, (text) => (text.endsWith('A') ? '"sealed":"1.B' : '"sealed":"1.A')),
      ),
    )
    await named(
      context,
      'another node',
      await lineOf(1, (line) => line.replace(/,"./, (text) => (text.endsWith('A') ? ',"B' : ',"A'))),
    )
    await named(
      context,
      'another checkpoint',
      await lineOf(4, (line) => line.replace(/position (\d)/, 'position 9$1')),
    )
    await named(context, 'another key', await lineOf(0, (line) => line.replace(/\+A/, '+B')))
    await named(
      context,
      'another end',
      await lineOf(-2 + (await countOf(context.html)), (line) =>
        line.replace('"muted"', '"mutes"').replace('shouting', 'singing'),
      ),
    )
    await named(
      context,
      'an event less',
      await resealed(forged(context.html, (lines) => void lines.splice(said, 1))),
    )
    await named(
      context,
      'an event twice',
      await resealed(forged(context.html, (lines) => void lines.splice(said, 0, lines[said]!))),
    )
  },
)
const countOf = async (html: string): Promise<number> =>
  inflateRawSync(Buffer.from(partsOf(html).record, 'base64'))
    .toString()
    .split('\n').length - 1

each(
  'given a byte of the record, the seal, the script, the style or the text altered anywhere, then it is named',
  async (context) => {
    const { html } = context
    const { before, record, between, seal, after } = partsOf(html)
    const [from, until_] = [before.length, before.length + record.length]
    const script = before.length + record.length + between.length + seal.length + '</script><script>'.length
    const body = html.indexOf('<main>') + 6
    const style = html.indexOf('<style>') + 7
    /** Where, and how far. */
    const classes: ReadonlyArray<readonly [string, number, number]> = [
      ['record', from, until_],
      ['seal', until_ + between.length, until_ + between.length + seal.length],
      ['script', script, script + after.length - 60],
      ['style', style, html.indexOf('</style>')],
      ['policy', html.indexOf('default-src'), html.indexOf('"><meta name="viewport"')],
    ]
    let seed = Number(process.env.EVIDENCE_SEED ?? 7)
    const random = (below: number): number => {
      seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648
      return Math.floor((seed / 2_147_483_648) * below)
    }
    for (let trial = 0; trial < TRIALS; trial += 1) {
      const [name, first, last] = classes[trial % classes.length]!
      const where = first + random(last - first)
      const was = html[where]!
      const now = was === 'x' ? 'y' : 'x'
      await named(
        context,
        `${name} at ${where} (${was} for ${now})`,
        `${html.slice(0, where)}${now}${html.slice(where + 1)}`,
      )
    }
    await named(context, 'the text', `${html.slice(0, body)}<p>It holds</p>${html.slice(body)}`)
    await named(context, 'a record cut off', `${before}${record.slice(0, -8)}${between}${seal}${after}`)
    await named(
      context,
      'another record’s end',
      html.replace(/.(?="?<\/script><script type="application\/octet-stream" id="seal")/, 'x'),
    )
  },
)
each('given a commitment, then it is of the value in canonical form, and of the salt', () => {
  const salt = Buffer.alloc(16, 1).toString('base64')
  assert.is(commitmentTo({ b: 1, a: 2 }, salt), commitmentTo({ a: 2, b: 1 }, salt))
  assert.is.not(commitmentTo('a', salt), commitmentTo('a', Buffer.alloc(16, 2).toString('base64')))
})
if (EVENTS >= 10_000)
  test('given so many events, then the file is 2 MB at most', async (context) => {
    const { html } = await make(context.log, context.bundle, () => true)
    const began = performance.now()
    const { verdict } = await opened(context, html)
    console.log(
      `${EVENTS} events: ${html.length} bytes, all words; checked in ${Math.round(performance.now() - began)} ms`,
    )
    assert.match(verdict, HOLDS)
    assert.ok(html.length <= 2_097_152, `${html.length} bytes`)
  })
test.run()
