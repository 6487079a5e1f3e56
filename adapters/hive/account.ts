/** A Hive account's authorities, as in `condenser_api.get_accounts`, and the keys that suffice alone. */
import * as t from 'io-ts'

const Authority = t.type({
  weight_threshold: t.number,
  key_auths: t.array(t.tuple([t.string, t.number])),
})

export const HiveAccount = t.type({
  name: t.string,
  owner: Authority,
  active: Authority,
  posting: Authority,
})
export type HiveAccount = t.TypeOf<typeof HiveAccount>

/** Keys that alone reach the threshold of the posting, active or owner authority, most used first. */
export const sufficientKeys = (account: HiveAccount): ReadonlyArray<string> => {
  const keys = new Set<string>()
  for (const authority of [account.posting, account.active, account.owner])
    for (const [key, weight] of authority.key_auths)
      if (weight > 0 && weight >= authority.weight_threshold) keys.add(key)
  return [...keys]
}
