/** The events of easyrtc's and networked-aframe's protocols. Whoever speaks one is a member like any other, and each
 *  event does the same as one of our own. */
import type { SocketRequest } from '../requests.ts'
import { easyrtcRequests } from './easyrtc-requests.ts'
import { nafRequests } from './naf-requests.ts'
import { createSpeaking, type LanguageDeps } from './speaking.ts'

export const createLanguages = (deps: LanguageDeps): ReadonlyMap<string, SocketRequest> => {
  const speaking = createSpeaking(deps)
  return new Map([...nafRequests(deps, speaking), ...easyrtcRequests(deps, speaking)])
}

/** Whether an event's acknowledgement has easyrtc's own form. */
export const isEasyrtcEvent = (name: string): boolean => name.startsWith('easyrtc')
