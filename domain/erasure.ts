/** What is left where a person's data was erased: the rest of the event, and the request that asked for it. */

/** The request by which something of this part (an event's data, or its metadata) was erased, or null. */
export const erasedBy = (part: unknown): string | null => {
  const erased = typeof part === 'object' && part !== null ? (part as { erased?: unknown }).erased : null
  return typeof erased === 'string' ? erased : null
}
