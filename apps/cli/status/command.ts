/** `presence status` */

import { type Endpoints, readEndpoints } from '../../operations/instance/endpoints.ts'
import type { Command } from '../command.ts'
import { plainJson } from '../shown.ts'

const usage = `presence status [--url URL]

What npm start runs on DATA_DIR (./data): where it listens, its processes, and what /api/health says of each part.
Ends with 0 where all is well, 1 where it is not.`

/** The endpoints without the database’s password. */
const told = (endpoints: Endpoints | null) => {
  if (endpoints === null) return null
  const { databaseUrl: _, ...rest } = endpoints
  return rest
}

export const status: Command = {
  name: 'status',
  summary: 'what runs here, where it listens, and how it is',
  usage,
  run: async (args, io) => {
    const given = args[0] === '--url' ? args[1] : undefined
    const dataDir = process.env.DATA_DIR || './data'
    const endpoints = given === undefined ? readEndpoints(dataDir) : null
    // Under its public name it may not be reachable from here.
    const url = given ?? endpoints?.localUrl ?? endpoints?.url
    if (url === undefined) {
      io.err(`Nothing runs on ${dataDir}: run npm start first, or give --url.`)
      return 1
    }
    io.out(`server  ${url}${endpoints && endpoints.url !== url ? `, ${endpoints.url} to browsers` : ''}`)
    if (endpoints) {
      io.out(`log     ${endpoints.eventStoreUrl}`)
      io.out(`data    ${endpoints.dataDir}`)
      const pids = Object.entries(endpoints.pids).map(([name, pid]) => `${name} ${pid}`)
      io.out(`pids    ${pids.join(', ')}`)
    }
    try {
      const response = await fetch(`${url.replace(/\/$/, '')}/api/health`, {
        signal: AbortSignal.timeout(5000),
      })
      const health: unknown = await response.json()
      io.data?.({ url, endpoints: told(endpoints), health })
      io.out(`health  ${plainJson(JSON.stringify(health, null, 2)).replaceAll('\n', '\n        ')}`)
      return response.ok ? 0 : 1
    } catch (error) {
      io.err(`${url} does not answer: ${(error as Error).message}.`)
      return 1
    }
  },
}
