/** A room's record as one HTML file: opened in Chromium with the network cut, and forged in every part of it.
 *  EVIDENCE_TRIALS=1000 for the full run; EVIDENCE_EVENTS=10000 for its size and time at size. */
// needs: chromium
// timeout: 240
import { createHash, createSecretKey, randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { deflateRawSync, inflateRawSync } from 'node:zlib'
import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { commitmentTo } from '../../../../adapters/privacy/commitment.ts'
import { sealedLog } from '../../../../adapters/privacy/sealed-log.ts'
import { sealVectors } from '../../../../adapters/privacy/testing/seals.ts'
import type { Vault } from '../../../../adapters/privacy/vault.ts'
import type { AnyEvent } from '../../../../domain/codec.ts'
import { type Browser, type Page, testBrowser } from '../../../../infra/testing/browser.ts'
import { type MemoryLog, memoryLog } from '../../../../infra/testing/memory-log.ts'
import { testDatabase } from '../../../../infra/testing/postgres.ts'
import { until } from '../../../../infra/testing/until.ts'
import { checkBundle } from '../../../../projections/proof/check-bundle.ts'
import { cosign, cosignerOf } from '../../../../projections/proof/cosignature.ts'
import { signerOf, signNote, verifierOf } from '../../../../projections/proof/note.ts'
import type { WitnessPlace } from '../../../../projections/proof/witnesses.ts'
import { alice, at, bob, guest, joined, posted, recorded } from '../../../../projections/testing/events.ts'
import { runProjector } from '../../../projector/projector.ts'
import { serveWitness } from '../../witness/serving.ts'
import { openWitnessFolder } from '../../witness/state.ts'
import { createWitness } from '../../witness/witness.ts'
import { exportBundleTo } from '../bundle.ts'
import { evidenceOf } from './evidence.ts'
// @ts-expect-error: the page's own, in plain JavaScript.
import { sealOf } from './page/check.js'
// @ts-expect-error: the page's own, in plain JavaScript.
import { expanded, fromBase85 } from './page/squeezed.js'
import { base85, MARK, squeezed } from './squeeze.ts'

type Context = {
  browser: Browser
  page: Page
  log: MemoryLog
  bundle: string
  html: string
  asked: string[]
  /** One that cosigns, and one that can't be reached. */
  witnesses: ReadonlyArray<WitnessPlace>
  stopWitness: () => void
}
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
    // Events of another room come in between, so that the proof contains hashes of its own.
    if (n % 7 === 0) await put(recorded(elsewhere, posted(`x${n}`, 'elsewhere', n), bob, `else ${n}`))
  }
  const muted = {
    type: 'AccountMuted',
    data: { subject: 'bob', by: alice, reason: 'shouting', until: null, at: at(EVENTS) },
  } as AnyEvent
  await put(recorded(space, muted, alice, 'muted'))
}

const startWitness = async (): Promise<{ place: WitnessPlace; stop: () => void }> => {
  const state = openWitnessFolder(join(folder, 'w1'), 'witness.test/w1')
  const witness = createWitness(state, verifier, { now: Date.now })
  const onError = (error: Error) => assert.unreachable(error.message)
  const server = await serveWitness(witness, { host: '127.0.0.1', port: 0, onError })
  const stop = () => {
    server.closeAllConnections()
    server.close()
    state.close()
  }
  const { port } = server.address() as AddressInfo
  return { place: { key: witness.key, url: `http://127.0.0.1:${port}` }, stop }
}
test.before(async (context) => {
  const log = memoryLog()
  await written(log)
  const database = await testDatabase()
  const projector = runProjector({ log: sealedLog(log, vault), databaseUrl: database.url })
  await until('all is applied', () => projector.state().position === log.events.at(-1)!.position, 60_000)
  await projector.stop()
  const { place, stop: stopWitness } = await startWitness()
  const away = verifierOf(cosignerOf('witness.test/away', Buffer.alloc(32, 5)))
  const witnesses = [place, { key: away, url: 'http://127.0.0.1:1' }]
  let bundle = ''
  await exportBundleTo({
    log,
    witnesses,
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
  Object.assign(context, { log, bundle, browser, page, asked, witnesses, stopWitness })
  context.html = (await make(context, bundle, (author) => author !== 'bob')).html
})
test.after(async ({ browser, stopWitness }) => {
  await browser?.close()
  stopWitness?.()
  rmSync(folder, { recursive: true })
})

const make = ({ log, witnesses }: Context, bundle: string, shows: (author: string) => boolean) =>
  evidenceOf(bundle, { signer, open: sealedLog(log, vault).open, shows, witnesses, madeAt: at(1_000) })

type Shown = {
  readonly verdict: string
  readonly named: ReadonlyArray<string>
  /** Each check, after what it is: `holds`, `fails`, `unchecked` or `noted`. */
  readonly checks: ReadonlyArray<string>
  readonly title: string
  readonly text: string
}
/** Opens the file and returns what it says. */
const opened = async ({ page }: Context, html: string | Buffer): Promise<Shown> => {
  const file = join(folder, 'evidence.html')
  writeFileSync(file, html)
  await page.goto(pathToFileURL(file).href, { waitUntil: 'domcontentloaded' })
  // If the script was altered so that it does not run, the page says that nothing was checked.
  const runs = await page.evaluate(
    `['data-checking', 'data-done'].some((name) => document.documentElement.hasAttribute(name))`,
  )
  if (runs) await page.waitForFunction(`document.documentElement.hasAttribute('data-done')`)
  return (await page.evaluate(`({
    verdict: document.querySelector('#verdict')?.textContent ?? 'There is no verdict.',
    named: [...document.querySelectorAll('#checks .fails')].map((one) => one.textContent),
    checks: [...document.querySelectorAll('#checks li')].map((one) => one.className + ': ' + one.textContent),
    title: document.title,
    text: document.body?.textContent ?? '',
  })`)) as Shown
}
/** Moves the page to that moment, and then evaluates `ask`. */
const momentOf = (index: number, ask: string): string =>
  `{ const slider = document.querySelector('#slider'); slider.value = ${index}; slider.dispatchEvent(new Event('input')); ${ask} }`
const HOLDS = /^It holds/
/** With many events, only the size and the time are checked. */
const each = EVENTS >= 10_000 ? test.skip : test

each(
  'given a room’s record, when it is opened without a network, then it checks itself, plays, and requests nothing',
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
    const record = linesOf(context.html).join('\n')
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
  'given words from before there were commitments, then they are shown, and it says that they are not proved',
  async (context) => {
    const open = async (...[events]: Parameters<ReturnType<typeof sealedLog>['open']>) =>
      (await sealedLog(context.log, vault).open(events)).map((event) => ({
        ...event,
        stored: { data: null, metadata: null },
      }))
    const { html } = await evidenceOf(context.bundle, {
      signer,
      open,
      shows: () => true,
      witnesses: context.witnesses,
      madeAt: at(1_000),
    })
    const { verdict, text } = await opened(context, html)
    assert.match(verdict, HOLDS)
    assert.match(text, /\d+ of them from before words were committed to/)
  },
)

/* ── witnesses ──────────────────────────────────────────────────────────────────────────────────────────── */

const digestOf = (text: string): string => createHash('sha256').update(text).digest('base64')
/** The bundle with another checkpoint's note, sealed by somebody who has the log's key. */
const withNote = (bundle: string, edit: (note: string) => string): string => {
  const lines = bundle.split('\n')
  const note = (JSON.parse(lines[1]!) as { checkpoint: string }).checkpoint
  lines[1] = JSON.stringify({ checkpoint: edit(note) })
  const seal = (JSON.parse(lines.at(-2)!) as { seal: string }).seal
  const text = seal
    .slice(0, seal.indexOf('\n\n') + 1)
    .replace(/^checkpoint .*$/m, `checkpoint ${digestOf(`${lines[1]}\n`)}`)
  lines[lines.length - 2] = JSON.stringify({ seal: signNote(text, signer) })
  return lines.join('\n')
}
const OWN = /^— witness\.test\/w1 .*\n/m
/** Somebody who has the witness's name, and not its key, writes its line. */
const forgedBy = (name: string, seed: number, id: Buffer | null) => (note: string) => {
  const line = cosign(
    note.slice(0, note.indexOf('\n\n') + 1),
    cosignerOf(name, Buffer.alloc(32, seed)),
    1_800_000_000,
  )
  const made = Buffer.from(line.split(' ')[2]!, 'base64')
  if (id !== null) id.copy(made)
  return note.replace(OWN, `— ${name} ${made.toString('base64')}\n`)
}

each(
  'given witnesses, then the file says which cosigned, when and by which key, and which did not',
  async (context) => {
    const { checks, verdict } = await opened(context, context.html)
    const [w1, away] = context.witnesses
    assert.match(verdict, HOLDS)
    const said = checks.join('\n')
    assert.match(
      said,
      /^holds: The witness “witness\.test\/w1” cosigned it: it had seen no other history of this log, and no longer one\. at \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC/m,
    )
    assert.match(said, /^noted: The witness “witness\.test\/away” did not cosign it\./m)
    for (const { key } of [w1!, away!]) assert.ok(said.includes(key.vkey))
    const none = await make(
      { ...context, witnesses: [] },
      withNote(context.bundle, (note) => note.replace(OWN, '')),
      () => true,
    )
    const without = await opened(context, none.html)
    assert.match(without.verdict, HOLDS)
    assert.match(without.checks.join('\n'), /^noted: No witness cosigned it\./m)
  },
)
each(
  'given a cosignature that its witness did not make, even if the log’s own key sealed it, then it alone is named, with the witness',
  async (context) => {
    const { id } = context.witnesses[0]!.key
    const name = 'witness.test/w1'
    for (const [edit, named] of [
      [
        forgedBy(name, 8, id),
        /^The witness “witness\.test\/w1” cosigned it.*is forged: the key \S+ did not make it/,
      ],
      [forgedBy(name, 8, null), /^Whoever signed the checkpoint.*“witness\.test\/w1” that no key here made/],
      [
        forgedBy('witness.test/stranger', 8, null),
        /^Whoever signed the checkpoint.*“witness\.test\/stranger”/,
      ],
      [
        (note: string) => note.replace(OWN, (line) => line + OWN.exec(forgedBy(name, 8, id)(note))![0]),
        /is forged/,
      ],
    ] as const) {
      const { html } = await make(context, withNote(context.bundle, edit), () => true)
      const { verdict, named: said } = await opened(context, html)
      assert.not.match(verdict, HOLDS)
      assert.ok(
        said.some((one) => named.test(one)),
        `${named}: ${said.join('\n')}`,
      )
    }
    const { html } = await make(context, withNote(context.bundle, forgedBy(name, 8, id)), () => true)
    assert.is((await opened(context, html)).named.length, 1)
    const another = await resealed(
      forged(context.html, (lines) => {
        lines[0] = lines[0]!.replace(
          /"witness\.test\/w1\+[^"]*"/,
          `"${verifierOf(cosignerOf(name, Buffer.alloc(32, 8))).vkey}"`,
        )
      }),
    )
    const more = await resealed(
      forged(context.html, (lines) => {
        lines[3] = lines[3]!.replace(/\\n"\}$/, '\\nmore\\n"}')
      }),
    )
    assert.match((await opened(context, more)).named.join('\n'), /in the name of somebody/)
    assert.match(
      (await opened(context, another)).named.join('\n'),
      /“witness\.test\/w1” that no key here made/,
    )
  },
)
each(
  'given a browser without Ed25519, then it says what was not checked there, does not say that it holds, and still names what was altered',
  async (context) => {
    const page: Page = await context.browser.newPage()
    await page.evaluateOnNewDocument(`{
    const { importKey } = SubtleCrypto.prototype
    SubtleCrypto.prototype.importKey = function (...given) {
      if (given[2] === 'Ed25519') return Promise.reject(new DOMException('Unrecognized name.', 'NotSupportedError'))
      return importKey.apply(this, given)
    }
  }`)
    const { verdict, named, checks } = await opened({ ...context, page }, context.html)
    assert.match(verdict, /^Not all of it was checked here/)
    assert.equal(named, [])
    assert.is(checks.filter((one) => one.startsWith('unchecked: ')).length, 4)
    assert.match(
      checks.join('\n'),
      /^unchecked: The witness “witness\.test\/w1”.*Not checked here: this browser has no Ed25519/m,
    )
    const altered = await opened({ ...context, page }, context.html.replace('<main>', '<main>x'))
    assert.match(altered.verdict, /does NOT hold/)
    await page.close()
  },
)

/* ── forged ─────────────────────────────────────────────────────────────────────────────────────────────── */

const partsOf = (html: string) => {
  const [, before = '', record = '', between = '', seal = '', after = ''] =
    /^(.*id="record">)([^<]*)(<\/script>.*id="seal">)([^<]*)(<.*)$/s.exec(html) ?? []
  return { before, record, between, seal, after }
}
const packedOf = (html: string): Buffer => inflateRawSync(fromBase85(partsOf(html).record))
/** The record's lines, with its marks replaced by the bytes that they stand for. */
const linesOf = (html: string): string[] => expanded(packedOf(html)).split('\n')
const withRecord = (html: string, packed: Buffer): string => {
  const { before, between, seal, after } = partsOf(html)
  return `${before}${base85(deflateRawSync(packed))}${between}${seal}${after}`
}
/** The page with the record’s lines changed, which nobody signed. */
const forged = (html: string, change: (lines: string[]) => void): string => {
  const lines = linesOf(html)
  change(lines)
  const text = Buffer.from(lines.join('\n'))
  const length = Buffer.alloc(4)
  length.writeUInt32BE(text.length)
  return withRecord(html, Buffer.concat([length, text]))
}
/** The same, by somebody who also has the seal's key, so that only the log's own signature contradicts it. */
const resealed = async (html: string): Promise<string> => {
  const { before, record, between, after } = partsOf(html)
  const note = Buffer.from(partsOf(html).seal, 'base64').toString()
  const page = /page (\S+)/.exec(note)![1]
  const text = `dlux-presence-evidence v1\n${signer.name}\npage ${page}\nrecord ${digestOf(record)}\n`
  return `${before}${record}${between}${Buffer.from(signNote(text, signer)).toString('base64')}${after}`
}
const named = async (context: Context, what: string, html: string): Promise<void> => {
  const { verdict } = await opened(context, html)
  assert.not(HOLDS.test(verdict), `${what} was not named`)
}
const READ = `(file) => {
  const { doctype, documentElement, compatMode } = new DOMParser().parseFromString(file, 'text/html')
  return JSON.stringify([doctype?.name, compatMode, documentElement.outerHTML])
}`
const isSamePage = async ({ page }: Context, a: string, b: string): Promise<boolean> => {
  await page.goto('about:blank')
  return (await page.evaluate(
    `(${READ})(${JSON.stringify(a)}) === (${READ})(${JSON.stringify(b)})`,
  )) as boolean
}

type Fields = [step: string, shared: string, says: string, event: string]
/** Changes one of the events' lines, which follow the record's own five, and seals the record again. */
const withEvent = (
  html: string,
  which: (fields: Fields) => boolean,
  edit: (fields: Fields) => Fields,
): Promise<string> =>
  resealed(
    forged(html, (lines) => {
      const at = lines.findIndex((line, i) => i >= 5 && which(line.split('\t') as Fields))
      const before = lines[at]!
      lines[at] = edit(before.split('\t') as Fields).join('\t')
      assert.is.not(lines[at], before, `line ${at} was changed`)
    }),
  )
const isShown = ([, , says]: Fields): boolean => says.startsWith('{')
const isWithheld = ([, , says, event]: Fields): boolean => says === '-' && event.includes('"MessagePosted"')
const other = (letter: string): string => (letter === 'A' ? 'B' : 'A')

each(
  'given words that were not said, even if sealed again with the key, then they are reported',
  async (context) => {
    const { html } = context
    const say = (value: unknown, salt: string): string => JSON.stringify({ salt, value })
    const zero = Buffer.alloc(16).toString('base64')
    const saying = (edit: (says: { value: unknown; salt: string }) => string) =>
      withEvent(html, isShown, ([step, shared, says, event]) => [step, shared, edit(JSON.parse(says)), event])
    await named(context, 'another word', await saying(({ salt }) => say('never said', salt)))
    await named(context, 'another salt', await saying(({ value }) => say(value, zero)))
    await named(context, 'no salt', await saying(({ value }) => JSON.stringify({ salt: null, value })))
    await named(context, 'words that were shown, left out', await saying(() => ''))
    const isOpen = ([, , says, event]: Fields): boolean => says === '' && event.includes('"AccountMuted"')
    for (const says of [say('a word', zero), '-'])
      await named(
        context,
        `${says} for one that has none`,
        await withEvent(html, isOpen, ([step, shared, , event]) => [step, shared, says, event]),
      )
    const closed = linesOf(html).filter((line, i) => i >= 5 && isWithheld(line.split('\t') as Fields))
    assert.ok(closed.length > 5)
    for (const line of closed.slice(0, Math.max(3, TRIALS / 5)))
      for (const says of [say('a guess', zero), ''])
        await named(
          context,
          `“${says}” for what is withheld`,
          await withEvent(
            html,
            (fields) => fields.join('\t') === line,
            ([step, shared, , event]) => [step, shared, says, event],
          ),
        )
  },
)
each(
  'given altered events, leaves, nodes, or an altered checkpoint or key, even if sealed again, then they are reported',
  async (context) => {
    const { html } = context
    const lineOf = (which: number, edit: (line: string) => string) =>
      resealed(
        forged(html, (lines) => {
          const before = lines.at(which)!
          lines[which < 0 ? lines.length + which : which] = edit(before)
          assert.is.not(lines.at(which), before, `line ${which} was changed`)
        }),
      )
    const event = (what: string, which: (fields: Fields) => boolean, edit: (text: string) => string) =>
      withEvent(html, which, ([step, shared, says, text]) => [step, shared, says, edit(text)]).then((made) =>
        named(context, what, made),
      )
    await event('another time', isShown, (text) => text.replace('2026-01-01T00', '2026-01-01T01'))
    await event('another revision', isShown, (text) => text.replace(/"revision":"\d+"/, '"revision":"900"'))
    await event('another commitment', isWithheld, (text) =>
      text.replace(/"commit":"(.)/, (_, letter) => `"commit":"${other(letter)}`),
    )
    await event('another seal on the log', isWithheld, (text) =>
      text.replace(/"sealed":"1x.(.)/, (_, letter) => `"sealed":"1x.${other(letter)}`),
    )
    await event('the mark of another form of seals', isShown, (text) =>
      text.replace('"sealed":"1x.', '"sealed":"1w.'),
    )
    await event('another nonce of words that are shown', isShown, (text) => {
      const at = text.indexOf(MARK.seal) + 1
      return at === 0 ? text : `${text.slice(0, at)}${other(text[at]!)}${text.slice(at + 1)}`
    })
    const leaf = ([step, shared, says, text]: Fields): Fields => [`1${step}`, shared, says, text]
    await named(context, 'another leaf', await withEvent(html, isShown, leaf))
    const said = 5 + 5
    await named(
      context,
      'another node',
      await lineOf(1, (line) => line.replace(/,"(.)/, (_, letter) => `,"${other(letter)}`)),
    )
    await named(
      context,
      'another checkpoint',
      await lineOf(3, (line) => line.replace(/position (\d)/, 'position 9$1')),
    )
    await named(context, 'another key', await lineOf(0, (line) => line.replace(/\+A/, '+B')))
    await named(context, 'another end', await lineOf(-3, (line) => line.replace('shouting', 'singing')))
    await named(context, 'an event less', await resealed(forged(html, (lines) => void lines.splice(said, 1))))
    await named(
      context,
      'an event twice',
      await resealed(forged(html, (lines) => void lines.splice(said, 0, lines[said]!))),
    )
  },
)

each(
  'given a byte of the record, the seal, the script, the style or the text altered anywhere, then that is reported',
  async (context) => {
    const { html } = context
    const { before, record, between, seal, after } = partsOf(html)
    const [from, until_] = [before.length, before.length + record.length]
    const script = before.length + record.length + between.length + seal.length + '</script><script>'.length
    const body = html.indexOf('<main>') + 6
    const style = html.indexOf('<style>') + 7
    /** Each class's name, where it begins, and where it ends. */
    const classes: ReadonlyArray<readonly [string, number, number]> = [
      ['record', from, until_],
      ['seal', until_ + between.length, until_ + between.length + seal.length],
      ['script', script, html.length],
      ['page', 0, from],
      ['page between', until_, until_ + between.length],
      ['style', style, html.indexOf('</style>')],
      ['policy', html.indexOf('default-src'), html.indexOf('"><meta name="viewport"')],
    ]
    let seed = Number(process.env.EVIDENCE_SEED ?? 7)
    const random = (below: number): number => {
      seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648
      return Math.floor((seed / 2_147_483_648) * below)
    }
    const packed = packedOf(html)
    // The lines above the events' are signed by the log’s key, except the first: that one is written by the file's maker.
    const [inText, inPool] = [packed.indexOf('\n') + 1, 4 + packed.readUInt32BE(0)]
    for (let trial = 0; trial < TRIALS; trial += 1) {
      const which = trial % (classes.length + 2)
      if (which < classes.length) {
        const [name, first, last] = classes[which]!
        const where = first + random(last - first)
        const was = html[where]!
        const now = was === 'x' ? 'y' : 'x'
        const altered = `${html.slice(0, where)}${now}${html.slice(where + 1)}`
        // Browsers read `<option>1</opxion>` like the original, so it is the same page.
        if (name === 'page' && (await isSamePage(context, html, altered))) continue
        await named(context, `${name} at ${where} (${now} for ${was})`, altered)
        continue
      }
      // Altered by somebody who also has the seal's key: the record's text, and the bytes that its marks stand for.
      const [first, last] = which === classes.length ? [inText, inPool] : [inPool, packed.length]
      const where = first + random(last - first)
      const bytes = Buffer.from(packed)
      bytes[where] = bytes[where] === 120 ? 121 : 120
      await named(
        context,
        `byte ${where} of the record, sealed again`,
        await resealed(withRecord(html, bytes)),
      )
    }
    await named(context, 'the text', `${html.slice(0, body)}<p>It holds</p>${html.slice(body)}`)
    await named(context, 'a record cut off', `${before}${record.slice(0, -8)}${between}${seal}${after}`)
    await named(
      context,
      'another record’s end',
      html.replace(/.(?="?<\/script><script type="application\/octet-stream" id="seal")/, (was) =>
        was === 'x' ? 'y' : 'x',
      ),
    )
  },
)
each('given any text, then it is the same after squeezing and back', () => {
  fc.assert(
    fc.property(
      fc.array(
        fc.oneof(
          fc.string({ unit: 'grapheme' }),
          fc.uuid(),
          fc.base64String({ maxLength: 90 }),
          fc.constant('0123456789abcdef0123456789abcdef'),
        ),
      ),
      fc.nat(9),
      (parts, again) => {
        const text = JSON.stringify([...parts, ...parts.slice(again)])
        assert.is(expanded(squeezed(text)), text)
      },
    ),
    { numRuns: Number(process.env.PROPERTY_RUNS ?? 200) },
  )
})
each('given any bytes, then base 85 is the only text that stands for them, and ends no script', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), fc.nat(), fc.nat(84), (bytes, at, other) => {
      const text = base85(Buffer.from(bytes))
      assert.equal([...fromBase85(text)], [...bytes])
      assert.not.match(text, /[<>&\s"'\\]/)
      if (text.length === 0) return
      const where = at % text.length
      const digit = base85(Buffer.from([other * 3]))[0]!
      const altered = `${text.slice(0, where)}${digit}${text.slice(where + 1)}`
      let read: Uint8Array | null = null
      try {
        read = fromBase85(altered)
      } catch {
        // It is not written as it was signed.
      }
      if (read !== null) assert.is(base85(Buffer.from(read)), altered)
    }),
    { numRuns: Number(process.env.PROPERTY_RUNS ?? 200) },
  )
  for (const wrong of [':::::', '0', '00<00']) assert.throws(() => fromBase85(wrong))
})
each('given a commitment, then it is made from the value in canonical form and the salt', () => {
  const salt = Buffer.alloc(16, 1).toString('base64')
  assert.is(commitmentTo({ b: 1, a: 2 }, salt), commitmentTo({ a: 2, b: 1 }, salt))
  assert.is.not(commitmentTo('a', salt), commitmentTo('a', Buffer.alloc(16, 2).toString('base64')))
})
each('given a seal of either form, then the page makes it again of the value and its salt', async () => {
  for (const mark of ['x', 'w'] as const)
    for (const { id, text, salt, sealed } of sealVectors[mark]) {
      const nonce = Buffer.from(sealed, 'base64').subarray(0, 12).toString('base64')
      assert.is(await sealOf(mark, JSON.parse(text), salt, { nonce, id }), sealed)
    }
})
if (EVENTS >= 10_000)
  test('given 10,000 events or more, then the file has 2 MB at most', async (context) => {
    const { html } = await make(context, context.bundle, () => true)
    const began = performance.now()
    const { verdict } = await opened(context, html)
    console.log(
      `${EVENTS} events: ${Buffer.byteLength(html)} bytes, all words; checked in ${Math.round(performance.now() - began)} ms`,
    )
    assert.match(verdict, HOLDS)
    assert.ok(Buffer.byteLength(html) <= 2_000_000, `${Buffer.byteLength(html)} bytes`)
  })
test.run()
