/** What is used of libsodium as it is compiled to WebAssembly: its C functions, by their names there. A pointer is the
 *  number of a byte in `HEAPU8`; a length of 64 bits is given as its lower and its upper half. */
declare module 'libsodium-sumo' {
  export type Sodium = {
    /** All of its memory. It is another array after its memory grew, which only `_malloc` makes it do. */
    readonly HEAPU8: Uint8Array<ArrayBuffer>
    readonly _malloc: (bytes: number) => number
    readonly _free: (pointer: number) => void
    readonly _crypto_core_hchacha20: (out: number, input: number, key: number, constant: 0) => number
    readonly _crypto_hash_sha256: (out: number, input: number, low: number, high: 0) => number
    readonly _crypto_aead_chacha20poly1305_ietf_encrypt: (
      out: number,
      outLength: 0,
      message: number,
      messageLow: number,
      messageHigh: 0,
      bound: number,
      boundLow: number,
      boundHigh: 0,
      secretNonce: 0,
      nonce: number,
      key: number,
    ) => number
    /** 0 if the tag is right; otherwise -1, and `out` is not to be used. */
    readonly _crypto_aead_chacha20poly1305_ietf_decrypt: (
      out: number,
      outLength: 0,
      secretNonce: 0,
      sealed: number,
      sealedLow: number,
      sealedHigh: 0,
      bound: number,
      boundLow: number,
      boundHigh: 0,
      nonce: number,
      key: number,
    ) => number
  }
  const load: () => Promise<Sodium>
  export default load
}
