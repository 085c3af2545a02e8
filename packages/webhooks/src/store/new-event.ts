/** An event to be written, with its body. */
export interface NewEvent {
  readonly id: string
  readonly tenant: string
  readonly type: string
  readonly orderingKey: string | null
  readonly dedupKey: string | null
  readonly body: Uint8Array
  readonly createdAtMs: number
  /** To these endpoints alone; null = to those that take its type. */
  readonly endpointIds: readonly string[] | null
}
