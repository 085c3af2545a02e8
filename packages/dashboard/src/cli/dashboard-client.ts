import { ConfigurationError, ConnectionError } from 'lovage'
import { fromJson, toJson } from '../values/lossless-json.js'

const TIMEOUT_MS = 30_000

/** The address of a dashboard. */
export interface DashboardPlace {
  /** `http://ada:secret@127.0.0.1:5555/flower`. */
  readonly url: string
  /** One of its fleets; default: the first. */
  readonly fleet?: string
}

/** An HTTP client of a dashboard, for the terminal commands. Responses are trusted to be the dashboard's own. */
export interface DashboardClient {
  /** Gets a page's JSON. @throws {ConnectionError} LVG_CONNECTION_FAILED. */
  get<Page>(path: string, query?: Readonly<Record<string, string>>): Promise<Page>
  /**
   * Posts an action, or requests its count. A refused or failed action is a normal answer. @throws {ConnectionError}
   * LVG_CONNECTION_FAILED.
   */
  post<Answer>(path: string, body: unknown): Promise<Answer>
}

/** @throws {ConfigurationError} LVG_USAGE for an invalid URL. */
export function dashboardClient({ url, fleet }: DashboardPlace): DashboardClient {
  if (!URL.canParse(url))
    throw new ConfigurationError(`${JSON.stringify(url)} is not a dashboard URL.`, {
      code: 'LVG_USAGE',
      hint: 'Write --url http://127.0.0.1:5555',
    })
  const base = new URL(url.endsWith('/') ? url : `${url}/`)
  const headers: Record<string, string> = { accept: 'application/json', ...authorization(base) }
  base.username = ''
  base.password = ''
  const ask = async <Answer>(
    path: string,
    query: Readonly<Record<string, string>>,
    init: RequestInit,
    taken: readonly number[],
  ) => {
    const asked = new URL(path, base)
    for (const [name, value] of Object.entries({ ...query, ...(fleet === undefined ? {} : { fleet }) }))
      asked.searchParams.set(name, value)
    const response = await fetch(asked, {
      ...init,
      headers: { ...headers, ...init.headers },
      signal: AbortSignal.timeout(TIMEOUT_MS),
    }).catch((cause: unknown) => {
      throw failed(
        `No dashboard answers at ${base.href}`,
        'Start one (lovage -A src/app.ts dashboard), or give its address: --url http://host:5555',
        cause,
      )
    })
    const text = await response.text()
    if (!taken.includes(response.status))
      throw failed(
        `The dashboard at ${base.href} answered ${response.status}: ${text.slice(0, 200)}`,
        response.status === 401 ? 'Give a user in the URL: http://user:password@host:5555' : 'See its log.',
      )
    // The dashboard's own response form.
    return fromJson(text) as Answer
  }
  return {
    get: (path, query = {}) => ask(path, { ...query, format: 'json' }, {}, [200]),
    post: (path, body) =>
      ask(
        path,
        {},
        { method: 'POST', body: toJson(body), headers: { 'content-type': 'application/json' } },
        [200, 403, 502],
      ),
  }
}

function authorization({ username, password }: URL): Record<string, string> {
  if (username === '') return {}
  const credentials = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`
  return { authorization: `Basic ${Buffer.from(credentials).toString('base64')}` }
}

const failed = (message: string, hint: string, cause?: unknown): ConnectionError =>
  new ConnectionError(message, { code: 'LVG_CONNECTION_FAILED', hint, cause })
