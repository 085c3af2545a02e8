/** An event to be written, with its body. */
export interface NewEvent {
  readonly id: string
  readonly tenant: string
  readonly type: string
  readonly orderingKey: string | null
  readonly dedupKey: string | null
  readonly body: Uint8Array
  readonly createdAtMs: number
  /** Only for these endpoints; null = for those that receive its type. */
  readonly endpointIds: readonly string[] | null
  /** A test event is attempted once. Default false. */
  readonly isTest?: boolean
}
