/** `<script src="https://HOST/presence.js" data-space="post:alice/my-post">` joins by itself and offers `window.presence`;
 *  without `data-space` it only offers `DLUXPresence`. */
import { cameFrom, type JoinOptions, join, type Room, spaceOfPage } from './index.ts'

export * from './index.ts'

declare global {
  interface Window {
    /** The room, once the user is in it. */
    presence?: Promise<Room>
  }
}

const own = document.currentScript
if (own instanceof HTMLScriptElement && own.src !== '') {
  cameFrom(new URL(own.src).origin)
  const { space, subspace, login, account } = own.dataset
  if (space !== undefined) {
    const options: JoinOptions = {
      ...(subspace === undefined ? {} : { subspace }),
      ...(account === undefined ? {} : { account }),
      ...(login === 'guest' || login === 'wallet' || login === 'keychain' ? { login } : {}),
    }
    const asked = space === 'auto' || space === '' ? spaceOfPage(location.pathname) : space
    window.presence = join(asked, options)
    // Whoever awaits it is told why; otherwise the console is, and the page goes on.
    window.presence.then(
      (room) => window.dispatchEvent(new CustomEvent('presence', { detail: room })),
      (error) => {
        console.warn(`presence: ${error.message}`)
        window.dispatchEvent(new CustomEvent('presence-error', { detail: error }))
      },
    )
  }
}
