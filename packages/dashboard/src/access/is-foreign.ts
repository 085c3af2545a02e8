import type { Context } from 'hono'

/**
 * Whether a request was begun by a page of another site: it then changes nothing. Browsers say it; older ones name the page's origin
 * instead. Other clients hold no credentials that could be abused.
 */
export function isForeign(c: Context, ownOrigin?: string): boolean {
  const site = c.req.header('sec-fetch-site')
  if (site !== undefined) return site !== 'same-origin' && site !== 'none'
  const origin = c.req.header('origin')
  if (origin === undefined || origin === ownOrigin) return false
  return !URL.canParse(origin) || new URL(origin).host !== c.req.header('host')
}
