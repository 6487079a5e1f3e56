/** The doctor, asked again and again: a line of JSON with settings in, its findings out, several at a time. Started with NODE_EXTRA_CA_CERTS,
 *  as the doctor itself is. */
import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import * as E from 'fp-ts/lib/Either.js'
import { examine } from '../../../apps/cli/doctor/command.ts'
import { whatIsGiven } from '../../../apps/cli/doctor/configuration.ts'
import { readEnv } from '../../../apps/cli/setup/env-file.ts'

const answer = async (id: number, more: Readonly<Record<string, string>>): Promise<void> => {
  const given = whatIsGiven({ ...readEnv(readFileSync('/etc/presence/env', 'utf8')), ...more })
  const findings = E.isLeft(given) ? [{ is: 'wrong', says: given.left }] : await examine(given.right)
  process.stdout.write(`${JSON.stringify({ id, findings })}\n`)
}
for await (const line of createInterface({ input: process.stdin })) {
  const { id, env } = JSON.parse(line) as { id: number; env: Record<string, string> }
  void answer(id, env)
}
