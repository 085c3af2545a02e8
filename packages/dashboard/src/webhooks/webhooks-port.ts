/** An endpoint, as far as pages show it. Times are Unix milliseconds. */
export interface WebhookEndpoint {
  readonly id: string
  readonly url: string
  readonly description: string
  readonly eventTypes: readonly string[]
  readonly timeoutMs: number
  readonly ratePerMinute: number | null
  readonly concurrency: number | null
  readonly order: string
  readonly isEnabled: boolean
  readonly disabledReason: string | null
  readonly disabledAtMs: number | null
}

/** An event on its way to an endpoint. */
export interface WebhookDelivery {
  readonly id: string
  readonly eventId: string
  readonly endpointId: string
  readonly eventType: string
  readonly state: string
  readonly waitsFor: string | null
  readonly attempts: number
  readonly nextAttemptAtMs: number | null
  readonly lastOutcome: string | null
  readonly lastStatus: number | null
  readonly createdAtMs: number
  readonly updatedAtMs: number
}

/** One request and its response. */
export interface WebhookAttempt {
  readonly id: string
  readonly deliveryId: string
  readonly number: number
  readonly trigger: string
  readonly startedAtMs: number
  readonly durationMs: number
  readonly outcome: string
  readonly status: number | null
  readonly error: string | null
  readonly responseBody: {
    readonly encoding: string
    readonly text: string
    readonly isTruncated: boolean
  } | null
}

export interface Of {
  readonly tenant?: string
}
export interface Part {
  readonly limit?: number
  readonly after?: string
}
export interface Listing<T> {
  readonly items: readonly T[]
  readonly next: string | null
}

/** The states of a delivery that are not a success yet, or never will be. */
export const UNFINISHED = ['pending', 'processing', 'failed', 'held'] as const
export const LOST = ['exhausted', 'cancelled'] as const
export const DELIVERY_STATES = [...UNFINISHED, ...LOST, 'success'] as const
export type WebhookDeliveryState = (typeof DELIVERY_STATES)[number]

/** The webhooks that a dashboard shows: what `webhooks(app)` of `@lovage/webhooks` returns has this form. */
export interface WebhooksPort {
  readonly endpoints: {
    get(id: string, of?: Of): Promise<WebhookEndpoint>
    list(query?: Part & Of): Promise<Listing<WebhookEndpoint>>
    enable(id: string, of?: Of): Promise<unknown>
    disable(id: string, of?: Of): Promise<unknown>
  }
  readonly deliveries: {
    get(id: string, of?: Of): Promise<WebhookDelivery>
    list(
      query?: Part &
        Of & {
          readonly endpointId?: string
          readonly states?: readonly WebhookDeliveryState[]
          readonly sinceMs?: number
        },
    ): Promise<Listing<WebhookDelivery>>
    attempts(
      query: Part & Of & { readonly deliveryId?: string; readonly endpointId?: string },
    ): Promise<Listing<WebhookAttempt>>
    replay(id: string, of?: Of): Promise<void>
    replayAll(query: Of & { readonly endpointId: string; readonly sinceMs: number }): Promise<string>
    cancel(id: string, of?: Of): Promise<void>
  }
  close(): Promise<void>
}
