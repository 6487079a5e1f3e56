/** Which methods an address accepts, judged by its route alone, so that this does not reveal what exists. */
import type { FastifyInstance } from 'fastify'

/** The value of `Allow` for `url`, with or without its query; null if no route has this address. */
export type Allowed = (url: string) => string | null

const formOf = (route: string): RegExp =>
  new RegExp(
    `^${route
      .split('/')
      .map((part) =>
        part.startsWith(':') ? '[^/]+' : part === '*' ? '.*' : part.replace(/[.+?^${}()|[\]\\]/g, '\\$&'),
      )
      .join('/')}/?$`,
  )

/** Notes every route that is added from now on. */
export const allowedMethods = (app: FastifyInstance): Allowed => {
  const routes = new Map<string, { readonly form: RegExp; readonly methods: Set<string> }>()
  app.addHook('onRoute', ({ url, method }) => {
    // The preflight's own route, which matches everything.
    if (url === '*') return
    const route = routes.get(url) ?? { form: formOf(url), methods: new Set() }
    routes.set(url, route)
    for (const one of [method].flat()) route.methods.add(one)
  })
  return (url) => {
    let path = url.replace(/[?#].*$/s, '')
    try {
      path = decodeURI(path)
    } catch {
      return null
    }
    const methods = new Set<string>()
    for (const route of routes.values())
      if (route.form.test(path)) for (const method of route.methods) methods.add(method)
    return methods.size === 0 ? null : [...methods, 'OPTIONS'].join(', ')
  }
}
