/** How an exchange routes. */
export type ExchangeType = 'direct' | 'topic' | 'fanout'

/** A queue and how messages reach it. */
export interface Queue {
  readonly name: string
  /** Default: a direct exchange of the queue's name. */
  readonly exchange?: string
  readonly exchangeType?: ExchangeType
  /** Default: the queue's name. */
  readonly routingKey?: string
  readonly durable?: boolean
  readonly autoDelete?: boolean
  readonly exclusive?: boolean
  /** Highest priority the queue distinguishes; RabbitMQ needs it. */
  readonly maxPriority?: number
  /** Seconds without consumers after which the queue is removed. */
  readonly expires?: number
  /** Seconds that a message may wait. */
  readonly messageTtl?: number
  readonly maxLength?: number
  /** Runs a time that the cluster's workers begin from this queue, evenly spaced: `10/s`, `10/m`, `10/h`. Default: no limit. */
  readonly rateLimit?: string | number
  /** Further broker arguments, `x-…`. */
  readonly arguments?: Readonly<Record<string, unknown>>
}
