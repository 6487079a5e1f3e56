/** The signature of a made-up account, in the form of a wallet's. Only a stand-in for Hive accepts it. */
import { devKeys, signAs } from '../../../infra/hive/keys.ts'

export const devSign = (
  account: string,
  challenge: string,
): { readonly signature: string; readonly publicKey: string } => ({
  signature: signAs(account, challenge),
  publicKey: devKeys(account).posting.public,
})
