import { computedByOneAddress } from './limits-computed.ts'

for (const r of await computedByOneAddress())
  console.log(r.met ? 'ok  ' : 'MISS', r.what, '|', r.ours, '|', r.goal)
