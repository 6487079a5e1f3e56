import { strict as assert } from 'node:assert'
import { suite } from 'uvu'
import { createOriginCheck } from './origins.ts'

const origins = suite('origins that may call')

const isMeant = createOriginCheck(['https://dlux.io', 'https://*.ipfs.dlux.io', 'http://*.local.test:8080'])

origins('given an origin that is listed, or one label in place of a star, then it matches', () => {
  for (const origin of [
    'https://dlux.io',
    'https://bafybeigdyrzt5sfp7udm7hu76uh7y26nf3efuylqabf3oclgtqy55fbzdi.ipfs.dlux.io',
    'https://a.ipfs.dlux.io',
    'https://xn--bcher-kva.ipfs.dlux.io',
    'http://a-b.local.test:8080',
  ])
    assert.equal(isMeant(origin), true, origin)
})

origins('given anything else that looks similar, then it does not match', () => {
  for (const origin of [
    'null',
    '',
    'https://ipfs.dlux.io',
    'https://.ipfs.dlux.io',
    'https://*.ipfs.dlux.io',
    'https://a.b.ipfs.dlux.io',
    'https://aipfs.dlux.io',
    'https://a.ipfsxdlux.io',
    'https://a.ipfs.dlux.io.evil.example',
    'https://a.ipfs.dlux.io:8443',
    'https://a.ipfs.dlux.io/',
    'https://evil.example/.ipfs.dlux.io',
    'https://evil.example#.ipfs.dlux.io',
    'https://evil.example\\.ipfs.dlux.io',
    'https://user@a.ipfs.dlux.io',
    'https://a.ipfs.dlux.io\n',
    'https://x\nhttps://a.ipfs.dlux.io',
    'http://a.ipfs.dlux.io',
    'https://-a.ipfs.dlux.io',
    `https://${'a'.repeat(64)}.ipfs.dlux.io`,
    'http://a.local.test',
    'https://www.dlux.io',
  ])
    assert.equal(isMeant(origin), false, origin)
})

origins.run()
