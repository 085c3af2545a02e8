import type { ExchangeType } from './queue.js'

/** How one queue is reached through an exchange. */
export interface Binding {
  readonly exchange: string
  readonly type: ExchangeType
  readonly routingKey: string
  readonly queue: string
}
