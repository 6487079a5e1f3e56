/** Who somebody is, in words. */
import type { Actor } from '../../domain/identity.ts'

export const whoIs = ({ kind, id }: Actor): string => (kind === 'system' ? `the system (${id})` : id)
