/** Reads the text of a response from somebody else's server, up to a reasonable size. */
const MAX_BYTES = 1_000_000

/** Rejects if the body is larger than a megabyte. */
export const textOf = async (response: Response): Promise<string> => {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of response.body ?? []) {
    size += chunk.length
    if (size > MAX_BYTES) throw new Error(`the answer is over ${MAX_BYTES} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}
