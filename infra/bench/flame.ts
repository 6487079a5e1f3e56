/** Where a server's processor time goes, as a flame chart in SVG: each function stands on the one that called it, as wide as
 *  its share of the time in which the server was not idle. */
import { existsSync, readFileSync, rmSync } from 'node:fs'
import type { Profiler } from 'node:inspector'
import { setTimeout as delay } from 'node:timers/promises'
import { flameFilesOf } from './flame-files.ts'

const waitFor = async (file: string): Promise<void> => {
  for (let tries = 0; !existsSync(file); tries += 1) {
    if (tries > 500) throw new Error(`${file} was not written within 10 s`)
    await delay(20)
  }
}

/** The profile of a server with `flame-hook.ts` while `work` runs. */
export const profiled = async (pid: number, work: () => Promise<unknown>): Promise<Profiler.Profile> => {
  const { begun, profile } = flameFilesOf(pid)
  process.kill(pid, 'SIGHUP')
  await waitFor(begun)
  await work()
  process.kill(pid, 'SIGHUP')
  await waitFor(profile)
  const taken = JSON.parse(readFileSync(profile, 'utf8')) as Profiler.Profile
  for (const file of [begun, profile]) rmSync(file)
  return taken
}

/** A function under one of its callers. `own`: microseconds outside of what it calls. */
export type CalledFrame = {
  readonly name: string
  readonly where: string
  own: number
  readonly calls: Map<string, CalledFrame>
}
const frame = (name: string, where: string): CalledFrame => ({ name, where, own: 0, calls: new Map() })

/** Not the server's work: waiting, and what starts and ends the profile. */
const IDLE = '(idle)'
const HOOK = '/infra/bench/flame-hook.ts'

/** A place without what depends on the machine: `adapters/sockets/feed.ts`, `ws/lib/sender.js`, `node:net`. */
const placeOf = (url: string): string => {
  const path = url.replace('file://', '')
  const inModules = path.lastIndexOf('/node_modules/')
  if (inModules >= 0) return `${path.slice(inModules + '/node_modules/'.length)}`
  return /\/((?:apps|adapters|domain|projections|infra)\/.*)$/.exec(path)?.[1] ?? path
}

/** The calls of a profile, merged by function, without idle time. Microseconds. */
export const treeOf = ({ nodes, samples = [], timeDeltas = [] }: Profiler.Profile): CalledFrame => {
  const spent = new Map<number, number>()
  for (const [i, id] of samples.entries()) spent.set(id, (spent.get(id) ?? 0) + (timeDeltas[i] ?? 0))
  const byId = new Map(nodes.map((node) => [node.id, node]))
  const root = frame('all', '')
  const add = (id: number, into: CalledFrame): void => {
    const node = byId.get(id)!
    const { functionName, url } = node.callFrame
    if (functionName === IDLE || url.endsWith(HOOK)) return
    const where = placeOf(url)
    const name = functionName === '' ? '(anonymous)' : functionName
    const key = `${name} ${where}`
    const known = into.calls.get(key) ?? frame(name, where)
    into.calls.set(key, known)
    known.own += spent.get(id) ?? 0
    for (const child of node.children ?? []) add(child, known)
  }
  for (const child of nodes[0]?.children ?? []) add(child, root)
  return root
}

const totalOf = (one: CalledFrame): number =>
  [...one.calls.values()].reduce((sum, call) => sum + totalOf(call), one.own)

const [WIDTH, ROW, TOP] = [1_200, 15, 44]
/** Narrower ones are left out, and what stands on them. */
const NARROWEST = 0.004
const DEEPEST = 48

const escaped = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
/** Ours, Node's, packages', and what is no JavaScript. */
const colourOf = (where: string): string => {
  if (where === '') return '#d6d3d1'
  if (where.startsWith('node:')) return '#cbd5e1'
  return /^(apps|adapters|domain|projections|infra)\//.test(where) ? '#fdba74' : '#93c5fd'
}

type Box = { readonly x: number; readonly width: number; readonly depth: number; readonly frame: CalledFrame }
const boxesOf = (root: CalledFrame, total: number): ReadonlyArray<Box> => {
  const boxes: Box[] = []
  const place = (one: CalledFrame, from: number, depth: number): void => {
    let x = from
    const calls = [...one.calls.values()].map((call) => ({ call, share: totalOf(call) / total }))
    for (const { call, share } of calls.sort((a, b) => b.share - a.share)) {
      if (share < NARROWEST || depth > DEEPEST) continue
      boxes.push({ x, width: share * WIDTH, depth, frame: call })
      place(call, x, depth + 1)
      x += share * WIDTH
    }
  }
  place(root, 0, 0)
  return boxes
}

/** `us`: microseconds of the whole, for each message. Null if the server did nothing. */
export const flameInSvg = (title: string, profile: Profiler.Profile, us: number): string | null => {
  const root = treeOf(profile)
  const total = totalOf(root)
  if (total === 0) return null
  const boxes = boxesOf(root, total)
  const height = TOP + ROW * (1 + Math.max(...boxes.map(({ depth }) => depth)))
  const drawn = boxes.map(({ x, width, depth, frame: { name, where } }) => {
    const y = height - ROW * (depth + 1)
    const share = width / WIDTH
    const letters = Math.floor((width - 4) / 5.6)
    const label =
      letters < 4
        ? ''
        : `<text x="${(x + 2).toFixed(1)}" y="${y + 11}">${escaped(name.slice(0, letters))}</text>`
    const said = `${name} ${where}: ${(100 * share).toFixed(1)} %, ${(share * us).toFixed(0)} µs`
    return `<g><title>${escaped(said)}</title><rect x="${x.toFixed(1)}" y="${y}" width="${Math.max(0.5, width - 0.5).toFixed(1)}" height="${ROW - 1}" fill="${colourOf(where)}"/>${label}</g>`
  })
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" font-family="sans-serif" font-size="10">
<rect width="${WIDTH}" height="${height}" fill="#fff"/>
<text x="4" y="18" font-size="14">${escaped(title)}</text>
<text x="4" y="34" fill="#555">${us.toFixed(0)} µs of processor a message. Orange: this project; blue: packages; grey: Node and what is no JavaScript.</text>
${drawn.join('\n')}
</svg>
`
}
