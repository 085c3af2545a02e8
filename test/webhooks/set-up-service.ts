import { ApiKeys, type NewApiKey, type ServiceOptions, serviceApp } from '@lovage/webhooks/service'
import { setUpWebhooks } from './set-up.js'

/** An answer of the service, its JSON read. */
export interface Answer {
  readonly status: number
  readonly headers: Headers
  /** Tests say what they expect of it. */
  readonly body: Record<string, unknown> & { readonly error?: Readonly<Record<string, unknown>> }
}

/** A caller with one API key. */
export interface Client {
  ask(
    method: string,
    path: string,
    body?: unknown,
    headers?: Readonly<Record<string, string>>,
  ): Promise<Answer>
  send(path: string, init: RequestInit): Promise<Answer>
}

/** Webhooks with a worker, and their service, asked without a network. */
export async function setUpService({
  service = {},
  ...options
}: Parameters<typeof setUpWebhooks>[0] & { readonly service?: ServiceOptions } = {}) {
  const set = await setUpWebhooks(options)
  const app = serviceApp(set.hooks, service)
  const keys = new ApiKeys(set.hooks)
  const client = async (key: Partial<NewApiKey> = {}): Promise<Client> =>
    clientOf(app, (await keys.create({ tenant: 'acme', ...key })).text)
  return { ...set, app: set.app, service: app, keys, client, [Symbol.asyncDispose]: set[Symbol.asyncDispose] }
}

/** A caller of an app of hono's. */
export function clientOf(
  app: { request(path: string, init?: RequestInit): Response | Promise<Response> },
  key: string,
): Client {
  const send: Client['send'] = async (path, init) => {
    const headers = new Headers(init.headers)
    headers.set('authorization', `Bearer ${key}`)
    const response = await app.request(path, { ...init, headers })
    const text = await response.text()
    const isJson = response.headers.get('content-type')?.startsWith('application/json')
    return { status: response.status, headers: response.headers, body: isJson ? JSON.parse(text) : { text } }
  }
  return {
    send,
    ask: (method, path, body, headers) =>
      send(path, {
        method,
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        headers: { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
      }),
  }
}
