import type { Attempt } from '../domain/index.js'
import type { Notice, WebhookStore } from '../store/index.js'

/** Upper bounds of the duration buckets, in seconds. */
const BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60] as const
/** The delivery states that are counted: the others grow with everything ever sent. */
const COUNTED = ['pending', 'processing', 'failed'] as const
const CIRCUITS = ['open', 'probing'] as const
const REASONS = ['manual', 'gone', 'failing'] as const

/**
 * Measures this process's deliveries, and queries the store on each scrape. Labels come from closed sets, never from endpoints or
 * tenants.
 */
export class WebhookMetrics {
  readonly #attempts = new Map<string, number>()
  readonly #notices = new Map<string, number>()
  readonly #buckets = new Array<number>(BUCKETS.length + 1).fill(0)
  #seconds = 0
  #count = 0

  attempted({ outcome, status, trigger, durationMs }: Attempt): void {
    const of = status === null ? 'none' : `${Math.floor(status / 100)}xx`
    count(this.#attempts, `outcome="${outcome}",status_class="${of}",trigger="${trigger}"`)
    const seconds = durationMs / 1000
    const at = BUCKETS.findIndex((end) => seconds <= end)
    const index = at < 0 ? BUCKETS.length : at
    this.#buckets[index] = (this.#buckets[index] ?? 0) + 1
    this.#seconds += seconds
    this.#count += 1
  }

  told({ type }: Notice): void {
    count(this.#notices, `type="${type}"`)
  }

  /** Returns the current Prometheus text. @throws what the store throws. */
  async text(store: WebhookStore, nowMs: number): Promise<string> {
    const { byState, oldestPendingMs, circuits, disabled } = await store.deliveries.counts(nowMs)
    let sum = 0
    const buckets = [...BUCKETS, '+Inf'].map((end, index) => {
      sum += this.#buckets[index] ?? 0
      return `webhook_delivery_duration_seconds_bucket{le="${end}"} ${sum}`
    })
    return [
      ...family('webhook_attempts_total', 'counter', 'Requests to endpoints, by outcome and trigger.'),
      ...lines('webhook_attempts_total', this.#attempts),
      ...family(
        'webhook_delivery_duration_seconds',
        'histogram',
        'Time from the start of a request to the end of its response.',
      ),
      ...buckets,
      `webhook_delivery_duration_seconds_sum ${this.#seconds}`,
      `webhook_delivery_duration_seconds_count ${this.#count}`,
      ...family(
        'webhook_notices_total',
        'counter',
        'Notices sent: endpoints disabled, circuits opened, messages given up.',
      ),
      ...lines('webhook_notices_total', this.#notices),
      ...family('webhook_deliveries', 'gauge', 'Unfinished deliveries in the whole store.'),
      ...COUNTED.map((state) => `webhook_deliveries{status="${state}"} ${byState[state] ?? 0}`),
      ...family(
        'webhook_oldest_pending_seconds',
        'gauge',
        'For how long the oldest pending delivery has been due.',
      ),
      `webhook_oldest_pending_seconds ${(oldestPendingMs ?? 0) / 1000}`,
      ...family(
        'webhook_endpoint_circuit_state',
        'gauge',
        'Endpoints whose circuit is not closed, by its state.',
      ),
      ...CIRCUITS.map((state) => `webhook_endpoint_circuit_state{state="${state}"} ${circuits[state]}`),
      ...family('webhook_endpoints_disabled', 'gauge', 'Endpoints that get nothing, by the reason.'),
      ...REASONS.map((reason) => `webhook_endpoints_disabled{reason="${reason}"} ${disabled[reason]}`),
      '',
    ].join('\n')
  }
}

const family = (name: string, type: string, help: string): readonly string[] => [
  `# HELP ${name} ${help}`,
  `# TYPE ${name} ${type}`,
]
const lines = (name: string, counts: ReadonlyMap<string, number>): readonly string[] =>
  [...counts].map(([labels, value]) => `${name}{${labels}} ${value}`)

function count(counts: Map<string, number>, labels: string): void {
  counts.set(labels, (counts.get(labels) ?? 0) + 1)
}
