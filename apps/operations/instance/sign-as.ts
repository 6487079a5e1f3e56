/** The signature of a made-up account, as its wallet would give it. Only a stand-in for Hive believes it. */
import { devKeys, signAs } from '../../../infra/hive/keys.ts'

export const devSign = (
  account: string,
  challenge: string,
): { readonly signature: string; readonly publicKey: string } => ({
  signature: signAs(account, challenge),
  publicKey: devKeys(account).posting.public,
})
