import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { Hono } from 'hono'
import type { DashboardEnv } from '../access/dashboard-env.js'

const TYPES = {
  'dashboard.css': 'text/css; charset=utf-8',
  'dashboard.client.js': 'text/javascript; charset=utf-8',
  'icon.svg': 'image/svg+xml',
} as const

/** The stylesheet, the script and the icon: a few kilobytes, served from memory. */
export function assetRoutes(): Hono<DashboardEnv> {
  const app = new Hono<DashboardEnv>()
  for (const [name, type] of Object.entries(TYPES)) {
    const body = readFileSync(new URL(`./assets/${name}`, import.meta.url), 'utf8')
    const tag = `"${createHash('sha256').update(body).digest('base64url').slice(0, 16)}"`
    app.get(`/assets/${name}`, (c) => {
      const headers = { 'content-type': type, etag: tag, 'cache-control': 'no-cache' }
      return c.req.header('if-none-match') === tag ? c.body(null, 304, headers) : c.body(body, 200, headers)
    })
  }
  return app
}
