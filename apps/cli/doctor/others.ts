/** Redis, and each Hive node. */
import * as E from 'fp-ts/lib/Either.js'
import { Redis } from 'ioredis'
import { trendingOnDlux } from '../../../adapters/content/dlux-api.ts'
import { createHive } from '../../../adapters/hive/hive.ts'
import { getAccount } from '../../../adapters/hive/rpc.ts'
import { whyUnreachable } from '../../../adapters/unreachable.ts'
import type { Config } from '../../config/load.ts'
import { about, type Finding, type Findings, soon } from './finding.ts'

export const redisFindings = async ({ redisUrl }: Config): Promise<Findings> => {
  const redis = about('redis')
  if (redisUrl === null) return [redis.well('No Redis is named, which one server alone does without.')]
  const { hostname, port } = new URL(redisUrl)
  const where = `Redis at ${hostname}:${port || 6379}`
  const client = new Redis(redisUrl, {
    lazyConnect: true,
    connectTimeout: 3_000,
    maxRetriesPerRequest: 0,
    retryStrategy: () => null,
  })
  let last: unknown = null
  client.on('error', (error) => {
    last = error
  })
  try {
    await soon(client.connect())
    const info = await soon(client.info('server'))
    return [redis.well(`${where} answers (${/redis_version:(\S+)/.exec(info)?.[1] ?? 'of no version'}).`)]
  } catch (error) {
    const why = whyUnreachable(last ?? error)
    const refused = /NOAUTH|WRONGPASS|invalid password/i.test(`${why} ${error}`)
    return [
      redis.wrong(
        `${where} ${refused ? 'refuses our password' : `can’t be used: ${why.replace(/\.$/, '')}`}.`,
        refused
          ? 'Set REDIS_URL with the password that it has (requirepass).'
          : 'Start it, or set REDIS_URL to where it is: without it several servers’ rooms go on each by itself.',
      ),
    ]
  } finally {
    client.disconnect()
  }
}

/** An account that has existed since Hive began. */
const ANYBODY = 'hiveio'

const hiveNode = async (
  node: string,
  { standIn, production }: { standIn: boolean; production: boolean },
): Promise<Finding> => {
  const hive = about('hive')
  try {
    const asked = Date.now()
    const { account, standIn: says } = await getAccount(fetch, node, ANYBODY, 5_000)
    if (says && (production || !standIn))
      return hive.wrong(
        `${node} is a stand-in, where anyone can be anybody.`,
        'Name a real node in HIVE_NODE (https://api.hive.blog).',
      )
    if (account === null) return hive.wrong(`${node} knows no accounts.`, 'Name another in HIVE_NODE.')
    return hive.well(`${node} answers in ${Date.now() - asked} ms${says ? ' (the stand-in)' : ''}.`)
  } catch (error) {
    return hive.wrong(
      `${node} can’t be used: ${whyUnreachable(error)}.`,
      'Name another in HIVE_NODE; several are tried in order.',
    )
  }
}

/** One node that works is enough: trouble with the others is only worth knowing. */
export const hiveFindings = async ({ hive, production }: Config): Promise<Findings> => {
  const found = await Promise.all(
    hive.nodes.map((node) => hiveNode(node, { standIn: hive.standIn, production })),
  )
  const works = found.some(({ is }) => is === 'well')
  const isStandIn = ({ says }: Finding) => says.includes('stand-in')
  return found.map((one) =>
    one.is === 'wrong' && works && !isStandIn(one) ? { ...one, is: 'worth knowing' } : one,
  )
}

/** The sources of trending posts: DLUX's API, and Hive's list of a tag. */
export const contentFindings = async ({ content, hive }: Config): Promise<Findings> => {
  const of = about('content')
  if (content.alive === null) return []
  const { dluxApiUrl, tag } = content.alive
  const found: Finding[] = []
  if (dluxApiUrl !== null)
    found.push(
      await trendingOnDlux(fetch, dluxApiUrl, 5_000).then(
        (posts) => of.well(`${dluxApiUrl} lists ${posts.length} posts.`),
        (error) =>
          of.wrong(
            `${dluxApiUrl} lists no posts: ${whyUnreachable(error)}.`,
            'Look at DLUX_API_URL (https://data.dlux.io), or leave it out: rooms are known by what it said last.',
          ),
      ),
    )
  if (tag === null) return found
  const clock = { now: () => Date.now() }
  const asked = await createHive({ nodes: hive.nodes, clock, allowStandIn: hive.standIn }).ranked(tag)()
  if (E.isLeft(asked))
    found.push(
      of.wrong(
        `No Hive node lists the posts of ${tag}: ${asked.left._tag === 'HiveUnavailable' ? asked.left.cause : asked.left._tag}.`,
        'Name a node with hivemind (bridge.get_ranked_posts) in HIVE_NODE, or leave CONTENT_TAG out.',
      ),
    )
  else if (asked.right.length === 0)
    found.push(of.note(`Nothing of ${tag} is read on Hive just now.`, 'Look at CONTENT_TAG.'))
  else found.push(of.well(`Hive lists ${asked.right.length} posts of ${tag}.`))
  return found
}
