import type { Context } from 'hono'
import type { DashboardEnv } from '../access/dashboard-env.js'
import { mayAs, type Person } from '../access/person.js'
import { type ActionKind, ROLE_OF } from '../actions/action.js'
import type { PageFrame } from '../data/page-frame.js'
import type { ViewContext } from '../server/page-views.js'

/** Data that every part of a page may need: links, the time, and the user's rights. */
export interface Frame extends PageFrame {
  readonly prefix: string
  /** Path and query of the page, for forms that return to it. */
  readonly here: string
  readonly path: string
  readonly person: Person
  readonly nonce: string
  readonly outcome: ViewContext['outcome']
  /** The search of the URL. */
  readonly query: Readonly<Record<string, string>>
}

/** The frame of a page for its parts. */
export function frameOf(page: PageFrame, { c, prefix, outcome }: ViewContext): Frame {
  const url = new URL(c.req.url)
  url.searchParams.delete('said')
  // A mounted app sees its path without the prefix.
  const path = url.pathname.startsWith(`${prefix}/`) ? url.pathname.slice(prefix.length) : url.pathname
  return {
    fleet: page.fleet,
    fleets: page.fleets,
    nowMs: page.nowMs,
    troubles: page.troubles,
    gaps: page.gaps,
    readOnly: page.readOnly,
    prefix,
    path,
    here: `${prefix}${path}${url.search}`,
    person: personOf(c),
    nonce: c.get('nonce') ?? '',
    outcome,
    query: Object.fromEntries(url.searchParams),
  }
}

function personOf(c: Context<DashboardEnv>): Person {
  return c.get('person') ?? { name: 'anonymous', role: 'viewer' }
}

/** A link to a page of the same fleet; undefined and empty values are omitted from its query. */
export function href(
  frame: Frame,
  path: string,
  query: Readonly<Record<string, string | number | null | undefined>> = {},
): string {
  const parameters = new URLSearchParams()
  if (frame.fleet !== frame.fleets[0]) parameters.set('fleet', frame.fleet)
  for (const [name, value] of Object.entries(query))
    if (value !== undefined && value !== null && value !== '') parameters.set(name, String(value))
  const text = parameters.toString()
  return `${frame.prefix}${path}${text === '' ? '' : `?${text}`}`
}

/** A link to the page of one item. */
export const hrefOf = (frame: Frame, page: string, name: string): string =>
  href(frame, `/${page}/${encodeURIComponent(name)}`)

/** Whether the user may perform an action here. */
export const may = (frame: Frame, kind: ActionKind): boolean =>
  !frame.readOnly && mayAs(frame.person.role, ROLE_OF[kind])
