import { bodyOf, type Loopback, listen } from 'lovage-systems-kit'

/** Pages to be watched, and a Slack and a webhook that keep what they are sent. */
export interface WebSite extends Loopback {
  /** Answers by path: their version is part of their text. */
  readonly versions: Map<string, number>
  readonly down: Set<string>
  /** Makes a page slow. */
  readonly slowMs: Map<string, number>
  readonly slack: unknown[]
  readonly webhooks: { readonly headers: Readonly<Record<string, string>>; readonly body: string }[]
  requests: number
}

/** Starts a web site on loopback. */
export async function startWebSite(): Promise<WebSite> {
  const state = {
    versions: new Map<string, number>(),
    down: new Set<string>(),
    slowMs: new Map<string, number>(),
    slack: [] as unknown[],
    webhooks: [] as { headers: Record<string, string>; body: string }[],
    requests: 0,
  }
  const server = await listen(async (request, response) => {
    const path = request.url ?? '/'
    if (path === '/slack') {
      state.slack.push(JSON.parse(await bodyOf(request)))
      response.end('ok')
      return
    }
    if (path.startsWith('/webhook')) {
      if (state.down.has(path)) {
        response.writeHead(503).end()
        return
      }
      // The headers of a webhook are single ones.
      state.webhooks.push({ headers: request.headers as Record<string, string>, body: await bodyOf(request) })
      response.writeHead(204).end()
      return
    }
    state.requests++
    const slowMs = state.slowMs.get(path)
    if (slowMs) await new Promise((resolve) => setTimeout(resolve, slowMs))
    if (state.down.has(path)) {
      response.writeHead(503).end('down for repairs')
      return
    }
    const version = state.versions.get(path) ?? 1
    response.writeHead(200, { 'content-type': 'text/html' })
    response.end(
      `<!doctype html><title>shop</title><script>track(${Math.random()})</script><h1>Shop ${path}</h1><ul><li>Coffee ${version}.50</li><li>Tea 3.20</li></ul>`,
    )
  })
  return Object.assign(state, { url: server.url, close: server.close })
}
