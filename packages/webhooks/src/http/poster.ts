import { Agent, buildConnector, type Dispatcher } from 'undici'
import {
  type AddressRules,
  blockedRange,
  blockedUrl,
  literalAddress,
  type Resolver,
  vettedLookup,
  vetUrl,
} from '../address/index.js'
import type { ClientTls } from '../domain/index.js'
import { Capture } from './capture.js'
import { failureOf, type HttpOutcome } from './outcome.js'

/** The options for requests. */
export interface PosterOptions {
  readonly rules: AddressRules
  /** Bytes of a response body that are kept. Default 10,000. */
  readonly captureBytes?: number
  /** The connect timeout, including TLS. Default 5,000. */
  readonly connectTimeoutMs?: number
  readonly resolver?: Resolver
}

/** One request. */
export interface PostRequest {
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: Uint8Array
  /** The timeout of the whole request, including the response body. */
  readonly timeoutMs: number
  /** Our TLS identity and trusted CAs for this endpoint, and a key for its connection pool. */
  readonly tls: { readonly key: string; readonly identity: ClientTls } | null
  readonly signal?: AbortSignal
}

/** The response headers that are kept; others may hold anything. */
const KEPT_HEADERS = [
  'content-type',
  'content-length',
  'retry-after',
  'location',
  'server',
  'date',
  'x-request-id',
]
const HEADERS_MAX_BYTES = 16_384
/** The number of TLS identities with open connections; each has its own pool. */
const IDENTITIES = 500
const KEPT_URLS = 10_000

/** Posts bodies: no redirects, no proxies, only vetted addresses, one timeout, and no more of a response than is kept. */
export class Poster {
  readonly #options: Required<Omit<PosterOptions, 'resolver'>> & Pick<PosterOptions, 'resolver'>
  readonly #agents = new Map<string, Agent>()
  readonly #urls = new Map<string, VettedUrl>()

  constructor(options: PosterOptions) {
    this.#options = { captureBytes: 10_000, connectTimeoutMs: 5_000, ...options }
  }

  /** Always resolves, with the outcome. */
  post(request: PostRequest): Promise<HttpOutcome> {
    return new Promise((resolve) => {
      let url: VettedUrl
      try {
        url = this.#vetted(request.url)
      } catch (error) {
        const { kind, error: text } = failureOf(error)
        return resolve(failed(kind === 'internal' ? 'blocked' : kind, text))
      }
      new Exchange(this.#agentFor(request), this.#options.captureBytes, resolve).begin(url, request)
    })
  }

  /** Rules may have become stricter since the endpoint was created, but not since this process was: a URL is vetted once. */
  #vetted(text: string): VettedUrl {
    const kept = this.#urls.get(text)
    if (kept) return kept
    const { origin, pathname, search } = vetUrl(text, this.#options.rules)
    const vetted = { origin, path: pathname + search }
    if (this.#urls.size >= KEPT_URLS) this.#urls.clear()
    this.#urls.set(text, vetted)
    return vetted
  }

  async close(): Promise<void> {
    const agents = [...this.#agents.values()]
    this.#agents.clear()
    await Promise.all(agents.map((agent) => agent.destroy()))
  }

  #agentFor({ tls }: PostRequest): Agent {
    const key = tls?.key ?? ''
    const kept = this.#agents.get(key)
    if (kept) return kept
    const agent = new Agent({
      connect: vettedConnector(this.#options, tls?.identity ?? {}),
      maxHeaderSize: HEADERS_MAX_BYTES,
      pipelining: 1,
      keepAliveTimeout: 10_000,
      // The exchange has one timeout for everything.
      headersTimeout: 0,
      bodyTimeout: 0,
    })
    if (this.#agents.size >= IDENTITIES) this.#forgetOldest()
    this.#agents.set(key, agent)
    return agent
  }

  #forgetOldest(): void {
    for (const [key, agent] of this.#agents) {
      if (key === '') continue
      this.#agents.delete(key)
      void agent.close()
      return
    }
  }
}

/** A connector that connects to vetted addresses only. Node calls `lookup` only for names, so an address in the URL is checked here. */
function vettedConnector(
  {
    rules,
    resolver,
    connectTimeoutMs,
  }: Pick<Required<PosterOptions>, 'rules' | 'connectTimeoutMs'> & Pick<PosterOptions, 'resolver'>,
  { certificate, key, authority }: ClientTls,
): buildConnector.connector {
  const connect = buildConnector({
    lookup: vettedLookup(rules, resolver),
    timeout: connectTimeoutMs,
    allowH2: false,
    ...(certificate === undefined ? {} : { cert: certificate }),
    ...(key === undefined ? {} : { key }),
    ...(authority === undefined ? {} : { ca: authority }),
  })
  return (options, callback) => {
    const literal = literalAddress(options.hostname)
    const blocked = literal === null ? null : blockedRange(literal, rules.allowed)
    if (literal !== null && blocked !== null) callback(blockedUrl(options.hostname, literal, blocked), null)
    else connect(options, callback)
  }
}

/** The parts of a URL that a request needs. */
interface VettedUrl {
  readonly origin: string
  readonly path: string
}

/** One request in flight. */
class Exchange {
  readonly #agent: Agent
  readonly #capture: Capture
  readonly #done: (outcome: HttpOutcome) => void
  #controller: Dispatcher.DispatchController | undefined
  #stopped: Error | undefined
  #timer: NodeJS.Timeout | undefined
  #isOver = false
  #isWhole = false
  #status: number | null = null
  #headers: Record<string, string> = {}

  constructor(agent: Agent, captureBytes: number, done: (outcome: HttpOutcome) => void) {
    this.#agent = agent
    this.#capture = new Capture(captureBytes)
    this.#done = done
  }

  begin({ origin, path }: VettedUrl, { headers, body, timeoutMs, signal }: PostRequest): void {
    this.#timer = setTimeout(() => {
      const what = this.#status === null ? 'no answer' : 'the answer did not end'
      this.#end(
        failed(
          'timeout',
          `${what} within ${timeoutMs} ms`,
          this.#status,
          this.#headers,
          this.#capture.body(),
        ),
      )
    }, timeoutMs)
    const onAbort = (): void => this.#end(failed('internal', 'the worker stopped'))
    signal?.addEventListener('abort', onAbort, { once: true })
    if (signal?.aborted) return onAbort()
    try {
      this.#agent.dispatch(
        { origin, path, method: 'POST', headers, body },
        {
          onRequestStart: (controller) => {
            this.#controller = controller
            if (this.#stopped) controller.abort(this.#stopped)
          },
          onResponseStart: (_controller, status, received) => {
            this.#status = status
            for (const name of KEPT_HEADERS) {
              const value = received[name]
              if (value !== undefined) this.#headers[name] = String(value).slice(0, 500)
            }
          },
          onResponseData: (_controller, chunk) => {
            // The cap is reached: the rest is not awaited, however long it is.
            if (!this.#capture.take(chunk)) this.#answered()
          },
          onResponseEnd: () => {
            this.#isWhole = true
            this.#answered()
          },
          onResponseError: (_controller, error) => {
            const { kind, error: text } = failureOf(error)
            const broken = this.#status !== null && (kind === 'connect' || kind === 'internal')
            this.#end(
              failed(
                broken ? 'http' : kind,
                broken ? `the answer broke off: ${text}` : text,
                this.#status,
                this.#headers,
                this.#capture.body(),
              ),
            )
          },
        },
      )
    } catch (error) {
      const { kind, error: text } = failureOf(error)
      this.#end(failed(kind, text))
    }
  }

  #answered(): void {
    const status = this.#status ?? 0
    const isSuccess = status >= 200 && status < 300
    this.#end({
      kind: isSuccess ? 'success' : 'http',
      status,
      error: isSuccess ? null : `status ${status}`,
      headers: this.#headers,
      body: this.#capture.body(),
      retryAfter: this.#headers['retry-after'] ?? null,
    })
  }

  #end(outcome: HttpOutcome): void {
    if (this.#isOver) return
    this.#isOver = true
    clearTimeout(this.#timer)
    this.#done(outcome)
    if (this.#isWhole) return
    // Closes the connection, on which more data might arrive.
    this.#stopped = new Error('no more is wanted')
    if (this.#controller && !this.#controller.aborted) this.#controller.abort(this.#stopped)
  }
}

function failed(
  kind: HttpOutcome['kind'],
  error: string,
  status: number | null = null,
  headers: Readonly<Record<string, string>> = {},
  body: HttpOutcome['body'] = null,
): HttpOutcome {
  return { kind, status, error, headers, body, retryAfter: headers['retry-after'] ?? null }
}
