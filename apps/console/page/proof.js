// Checks that the record is complete and unaltered: the checkpoint, its signature, that it extends the last one seen
// here, who cosigned it, and one event in it.
import { html, nothing } from 'lit'
import { api, query, text } from './api.js'
import { to, when } from './parts.js'
import { cosignedAt, isConsistent, isIncluded, isSigned, parseNote, rootOf } from './verify.js'
import { View } from './view.js'

const LAST = 'console-checkpoint'
/** The witnesses that this browser's user trusts: a key on each line, and how many of them must have cosigned. */
const TRUSTED = 'console-witnesses'
const trusted = () => ({ keys: [], least: 1, ...JSON.parse(localStorage.getItem(TRUSTED) ?? '{}') })
/** A cosignature older than this (ms) says too little. Servers request one every minute. */
const LATELY = 600_000
const check = (says, holds, detail) => ({ says, holds, detail })

/** The checkpoint of this browser's last visit: comparing with it shows whether the log was rewritten. */
const sinceLast = async (note, vkey) => {
  const now = parseNote(note)
  const kept = JSON.parse(localStorage.getItem(LAST) ?? 'null')
  const keep = () => localStorage.setItem(LAST, JSON.stringify({ origin: now.origin, size: now.size, root: now.rootText, vkey }))
  if (kept === null || kept.origin !== now.origin) {
    keep()
    return check('This browser saw no earlier checkpoint of this log: from now on it keeps one.', null)
  }
  if (kept.vkey.trim() !== vkey.trim())
    return check('The log’s key is another than the one this browser saw before.', false, kept.vkey)
  if (kept.size > now.size)
    return check('The log is shorter than the one this browser saw before.', false, `${kept.size} events then, ${now.size} now`)
  const { proof } = await api(`/api/audit/proof/consistency${query({ from: kept.size, to: now.size })}`)
  const holds = await isConsistent({ old: kept.size, size: now.size, oldRoot: rootOf(kept.root), root: now.root, proof })
  if (holds) keep()
  return check(
    holds ? `The log goes on from the one of ${kept.size} events that this browser saw before: nothing in that was changed.` : 'The log does NOT begin with the one that this browser saw before.',
    holds,
    `${proof.length} hashes`,
  )
}

/** Checks what each witness says against its signature, and that the log that it cosigned is the same as that of the
 *  checkpoint shown here. */
const byWitnesses = async (note, vkey) => {
  const { witnesses } = await api('/api/audit/witnesses')
  if (witnesses.length === 0) return { witnesses, checks: [] }
  const cosigned = await text('/tlog/checkpoint')
  const [theirs, now] = [parseNote(cosigned), parseNote(note)]
  const all = await Promise.all(witnesses.map(async (one) => ({ ...one, at: await cosignedAt(cosigned, one.key) })))
  const [old, newer] = theirs.size <= now.size ? [theirs, now] : [now, theirs]
  const { proof } = await api(`/api/audit/proof/consistency${query({ from: old.size, to: newer.size })}`)
  const isSame = (await isSigned(cosigned, vkey)) && (await isConsistent({ old: old.size, size: newer.size, oldRoot: old.root, root: newer.root, proof }))
  return {
    witnesses: all,
    checks: [
      check(isSame ? `What witnesses were shown is this log, of ${theirs.size} events.` : 'What witnesses were shown is NOT this log.', isSame, `${proof.length} hashes`),
      ...all.map(({ name, at, fault, why }) =>
        at !== null
          ? check(`The witness “${name}” cosigned it: it saw no other and no longer one.`, true, at.toLocaleString())
          : check(fault === 'unreachable' || fault === null ? `The witness “${name}” did not cosign it.` : `The witness “${name}” REFUSES to cosign it.`, fault === 'unreachable' || fault === null ? null : false, why ?? 'It was not asked yet.'),
      ),
    ],
  }
}

/** Whether enough of the trusted witnesses cosigned it. Their keys come from the reader, not from the server. */
const byTrusted = async () => {
  const { keys, least } = trusted()
  if (keys.length === 0) return []
  const cosigned = await text('/tlog/checkpoint')
  const times = await Promise.all(keys.map((key) => cosignedAt(cosigned, key)))
  const by = keys.filter((_, n) => times[n] !== null && Date.now() - times[n].getTime() < LATELY).map((key) => key.split('+')[0])
  const holds = by.length >= least
  return [check(`Of the ${keys.length} witnesses that you trust, ${by.length} cosigned it in the last ten minutes${holds ? '' : `, and ${least} must have`}.`, holds, by.join(', '))]
}

class ProofView extends View {
  static properties = { ...View.properties, position: {}, generation: {} }
  static about = ['position', 'generation']
  async load() {
    const vkey = await text('/api/audit/key')
    const found = this.position ? await api(`/api/audit/proof/inclusion${query({ position: this.position })}`) : null
    const note = found?.checkpoint ?? (await text('/api/audit/checkpoint'))
    const { root, size, origin } = parseNote(note)
    const signed = await isSigned(note, vkey)
    const checks = [
      check(signed ? `The checkpoint is signed by the log’s key, “${origin}”.` : 'The checkpoint’s signature is NOT of the log’s key.', signed, 'Ed25519, over the checkpoint’s text'),
      await sinceLast(note, vkey),
    ]
    const cosigned = await byWitnesses(note, vkey)
    checks.push(...cosigned.checks, ...(await byTrusted()))
    if (found) {
      const holds = found.size === size && (await isIncluded({ index: found.leaf_index, size, leaf: found.leaf_hash, proof: found.proof, root }))
      checks.push(
        check(
          holds ? `The event at position ${found.position} is leaf ${found.leaf_index} of the ${size} that the checkpoint covers.` : `The event at position ${found.position} is NOT in the tree of the checkpoint.`,
          holds,
          `${found.proof.length + 1} hashes, SHA-256, from the leaf up to the root`,
        ),
      )
    }
    return { note, vkey, size, found, checks, witnesses: cosigned.witnesses }
  }
  go(event) {
    event.preventDefault()
    location.hash = to.proof(new FormData(event.target).get('position').trim())
  }
  trust(event) {
    event.preventDefault()
    const form = new FormData(event.target)
    const keys = [...new Set(form.get('keys').split(/\s+/).filter(Boolean))]
    const wrong = keys.find((key) => !/^[^+]+\+[0-9a-f]{8}\+B[A-Za-z0-9+/]{43}$/.test(key))
    event.target.elements.keys.setCustomValidity(wrong === undefined ? '' : `This is no witness’s key: ${wrong}`)
    if (!event.target.reportValidity()) return
    localStorage.setItem(TRUSTED, JSON.stringify({ keys, least: Math.min(Number(form.get('least')), Math.max(1, keys.length)) }))
    this.reload()
  }
  render() {
    return html`<div class="bar"><h2>Proof</h2><form class="inline" @submit=${this.go}>
      <label>event at position <input name="position" inputmode="numeric" pattern="[0-9]{1,20}" required .value=${this.position ?? ''}></label><button type="submit">Verify</button></form></div>${super.render()}`
  }
  show({ note, vkey, size, found, checks, witnesses }) {
    const whole = checks.every(({ holds }) => holds !== false)
    return html`<p class="verdict ${whole ? 'ok' : 'degraded'}" role="status">${whole ? 'All that was checked holds.' : 'Something does not hold: keep this page, and tell who runs the log.'}</p>
      <ul class="checks">${checks.map(({ says, holds, detail }) => html`<li class=${holds === null ? 'open' : holds ? 'holds' : 'fails'}>${says} ${detail ? html`<small>${detail}</small>` : nothing}</li>`)}</ul>
      <p class="hint">Checked in this browser, by its own cryptography. ${found ? 'The leaf’s hash is as the server gave it: that it is the hash of what the event says is checked with the room’s bundle (presence audit export, audit check).' : ''}
        The key${witnesses.length > 0 ? ', and those of the witnesses, are as the server gave them: compare them with those' : ' is as the server gave it: compare it with one'} from elsewhere.</p>
      <div class="panels"><section class="panel wide"><h3>Checkpoint <small>${size} events</small></h3><pre tabindex="0">${note}</pre></section>
        <section class="panel"><h3>Key</h3><pre tabindex="0">${vkey}</pre></section>
        <section class="panel wide" aria-label="witnesses"><h3>Witnesses</h3>${
          witnesses.length === 0
            ? html`<p class="hint">Nobody else cosigns this log: its operator names no witnesses.</p>`
            : html`<ul class="rows">${witnesses.map(
                ({ name, key, url, size: seen, cosigned_at, fault, why }) =>
                  html`<li><b>${name}</b><span>at ${url}, cosigned ${seen} events${cosigned_at ? html` ${when(cosigned_at)}` : nothing}</span>${fault ? html`<span class="state degraded">${fault}</span><span>${why}</span>` : nothing}<code>${key}</code></li>`,
              )}</ul>`
        }<details><summary>Witnesses that you trust (${trusted().keys.length})</summary><form class="trusted" aria-label="trusted witnesses" @submit=${this.trust} @input=${({ target }) => target.setCustomValidity('')}>
          <p class="hint">Their keys as they publish them themselves, one a line. They stay in this browser, and the server’s word on its witnesses counts no more.</p>
          <label>Keys<textarea name="keys" rows="3" spellcheck="false" .value=${trusted().keys.join('\n')}></textarea></label>
          <label>How many must have cosigned <input name="least" type="number" min="1" max="100" required .value=${String(trusted().least)}></label>
          <button type="submit">Keep</button></form></details></section>
        ${found ? html`<section class="panel wide"><h3>Inclusion</h3><pre tabindex="0">${`leaf ${found.leaf_index}  ${found.leaf_hash}\n${found.proof.join('\n')}`}</pre></section>` : nothing}</div>`
  }
}
customElements.define('proof-view', ProofView)
