import type { ExchangeType } from './queue.js'

/** A route from an exchange to a queue. */
export interface Binding {
  readonly exchange: string
  readonly type: ExchangeType
  readonly routingKey: string
  readonly queue: string
}
