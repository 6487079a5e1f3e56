/** The HTML of a file of evidence: it opens anywhere, loads nothing, and checks itself. It is written in the form in
 *  which browsers serialize a page, so that its script can tell whether anything was altered. */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { Signer } from '../../../../projections/proof/note.ts'
import { signNote } from '../../../../projections/proof/note.ts'
import { evidenceScript } from './script.ts'
import { base85 } from './squeeze.ts'

const STYLE = readFileSync(new URL('./page/page.css', import.meta.url), 'utf8').trim()
const digest = (text: string): string => createHash('sha256').update(text).digest('base64')

const policyOf = (script: string): string =>
  [
    "default-src 'none'",
    `script-src 'sha256-${digest(script)}'`,
    `style-src 'sha256-${digest(STYLE)}'`,
    "base-uri 'none'",
    "form-action 'none'",
    "require-trusted-types-for 'script'",
    "trusted-types 'none'",
  ].join('; ')

const panel = (id: string, title: string, list: 'ul' | 'ol'): string =>
  `<section aria-labelledby="${id}-title"><h2 id="${id}-title">${title}</h2><${list} id="${id}" tabindex="0"></${list}></section>`
const SPEEDS = [1, 5, 20, 100].map((speed) => `<option value="${speed}">${speed} a second</option>`).join('')

const BODY = `<main><h1>The record of <span id="room">a room</span></h1><p><small id="span"></small></p><p id="verdict" class="fails" role="status">Nothing was checked yet. If this stays, the file was altered, or your browser runs no scripts: look at it in another one.</p><ul id="checks"></ul><p><small>Checked in this browser, with no network. The log’s key is <code id="key"></code>: compare it with the one that the server gives at /api/audit/key. What is checked here, presence audit check checks too.</small></p><div class="bar"><button id="play" type="button">Play</button><select id="speed" aria-label="speed">${SPEEDS}</select><input id="slider" type="range" min="0" max="0" value="0" aria-label="moment"><span id="moment"></span><button id="save" type="button">Save the bundle</button></div><div class="panels">${panel('people', 'In the room', 'ul')}${panel('chat', 'What was said', 'ol')}${panel('facts', 'In force', 'ul')}${panel('events', 'What happened', 'ol')}</div></main>`

/** `record` is in base 85. The page's digest is over this text without the record and the seal. */
const pageOf = (script: string, record: string, seal: string): string =>
  `<html lang="en"><head><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="${policyOf(script)}"><meta name="viewport" content="width=device-width, initial-scale=1"><title>A room’s record</title><style>${STYLE}</style></head><body>${BODY}<script type="application/octet-stream" id="record">${record}</script><script type="application/octet-stream" id="seal">${seal}</script><script>${script}</script></body></html>`

export const evidenceFile = async (record: Buffer, signer: Signer): Promise<string> => {
  const script = await evidenceScript()
  const packed = base85(record)
  const text = `dlux-presence-evidence v1\n${signer.name}\npage ${digest(pageOf(script, '', ''))}\nrecord ${digest(packed)}\n`
  const seal = Buffer.from(signNote(text, signer), 'utf8').toString('base64')
  return `<!doctype html>${pageOf(script, packed, seal)}`
}
