/** How a server stops in time, whatever its callers do. */
import type { Server } from 'node:http'

type Http = { readonly server: Pick<Server, 'closeAllConnections'>; readonly close: () => Promise<unknown> }

/** Gives answers under way this many milliseconds to end; then they are cut: a replay that somebody watches, or an
 *  export that is read slowly, would go on for hours. */
export const closeHttp = async (http: Http, ms: number): Promise<void> => {
  const cut = setTimeout(() => http.server.closeAllConnections(), ms)
  await http.close()
  clearTimeout(cut)
}
