// A room's record that verifies itself and plays: what was checked, who was in, what was said, and why.
import { checkAll } from './check.js'
import { roomAt } from './room.js'

const $ = (id) => document.getElementById(id)
/** Texts become text, whatever they hold. */
const make = (tag, text, className) => {
  const element = document.createElement(tag)
  if (text !== undefined) element.textContent = text
  if (className) element.className = className
  return element
}
const fill = (id, children) => $(id).replaceChildren(...children)
const clock = (iso) => (typeof iso === 'string' ? iso.replace('T', ' ').replace(/\.\d+Z$/, ' UTC') : '')

const VERDICTS = {
  holds: 'It holds: this is what the log has, and nothing within it is missing.',
  fails: 'It does NOT hold. What is wrong is named below.',
  unchecked: 'Not all of it was checked here. What was checked holds, and what was not is named below.',
}
const tell = ({ told, parts }) => {
  const found = ['fails', 'unchecked'].find((is) => told.some((one) => one.is === is)) ?? 'holds'
  $('verdict').textContent = VERDICTS[found]
  $('verdict').className = found
  fill('checks', told.map((one) => {
    const row = make('li', one.says, one.is)
    if (one.detail) row.append(' ', make('small', one.detail))
    return row
  }))
  if (parts === null) return
  const { header, about } = parts
  $('room').textContent = header.space
  $('span').textContent = `${header.from === null ? 'from its beginning' : `from ${clock(header.from)}`} ${header.to === null ? 'up to the checkpoint' : `to ${clock(header.to)}`}; made ${clock(about.made_at)}`
  $('key').textContent = about.key
}

const sentence = (event, words, withheld) => {
  const { data, metadata, type } = event
  const actor = metadata?.actor?.id ?? 'somebody'
  const value = words[event.id]?.value
  const says = typeof value === 'string' ? `“${value}”` : withheld.has(event.id) ? '(words withheld)' : ''
  const reason = [data?.reason, data?.note].filter((one) => typeof one === 'string').join(': ')
  const target = data?.subject ?? data?.account ?? ''
  const grounds = metadata?.grounds ? ` — as ${metadata.grounds.role} by ${metadata.grounds.via}` : ''
  return { at: metadata?.at ?? '', actor, type, says: [says, target === actor ? '' : target, reason].filter(Boolean).join(' · '), why: `${metadata?.command?.type ?? ''}${grounds}` }
}

const rowOf = (one, index, go) => {
  const row = make('li')
  const jump = make('button', clock(one.at))
  jump.addEventListener('click', () => go(index + 1))
  row.append(jump, ' ', make('b', one.actor), ' ', make('span', one.type, 'type'), ' ', make('span', one.says), ' ', make('small', one.why))
  return row
}

const SHOWN = 60
const play = ({ parts }) => {
  const { events, words } = parts
  const told = events.map(({ event }) => sentence(event, words.words, words.withheld))
  const slider = $('slider')
  slider.max = String(events.length)
  let timer = 0
  const go = (index) => {
    slider.value = String(index)
    show(index)
  }
  const show = (index) => {
    const room = roomAt(parts, index)
    $('moment').textContent = index === 0 ? 'before the first event' : `${index} of ${events.length}, ${clock(told[index - 1].at)}`
    fill('people', room.people.length === 0 ? [make('li', 'Nobody is in.')] : room.people.map(({ name, room: where, marks }) => make('li', `${name} · ${where}${marks}`)))
    fill('chat', room.messages.slice(-SHOWN).map((message) => {
      const row = make('li')
      row.append(make('b', message.author), ' ', make('span', message.text, message.isGone ? 'gone' : ''), ' ', make('small', clock(message.at)))
      return row
    }))
    fill('facts', room.facts.map((fact) => make('li', fact)))
    const first = Math.max(0, index - SHOWN)
    fill('events', told.slice(first, index).map((one, at) => rowOf(one, first + at, go)).reverse())
  }
  const stop = () => {
    clearInterval(timer)
    timer = 0
    $('play').textContent = 'Play'
  }
  $('play').addEventListener('click', () => {
    if (timer) return stop()
    $('play').textContent = 'Pause'
    if (Number(slider.value) >= events.length) slider.value = '0'
    timer = setInterval(() => {
      const next = Number(slider.value) + 1
      if (next > events.length) return stop()
      go(next)
    }, 1000 / Number($('speed').value))
  })
  slider.addEventListener('input', () => {
    stop()
    show(Number(slider.value))
  })
  go(events.length)
}

const save = ({ bundle }, name) => {
  $('save').disabled = bundle === null
  $('save').addEventListener('click', () => {
    const link = document.createElement('a')
    link.href = URL.createObjectURL(new Blob(bundle))
    link.download = name
    link.click()
    setTimeout(() => URL.revokeObjectURL(link.href), 10_000)
  })
}

const run = async () => {
  // On a page from the network, browsers give it only over https.
  if (!globalThis.crypto?.subtle) throw new Error('this browser has no WebCrypto here. Save the file, and open it from there.')
  const [record, seal] = [$('record').textContent, $('seal').textContent]
  // As the file has it, before anything of it is changed.
  const page = document.documentElement.outerHTML.replace(record, '').replace(seal, '')
  document.documentElement.setAttribute('data-checking', '')
  const isStandard = document.compatMode === 'CSS1Compat' && document.doctype?.name === 'html'
  const checked = await checkAll({ page: isStandard ? page : '', record, seal })
  tell(checked)
  if (checked.parts === null) return
  play(checked)
  save(checked, `${checked.parts.header.space.replace(/[^\w-]+/g, '-')}.bundle`)
}
run().catch((problem) => {
  $('verdict').textContent = `It could not be checked: ${problem.message}`
  $('verdict').className = 'fails'
}).finally(() => document.documentElement.setAttribute('data-done', ''))
