/** A queue in a list. */
export interface QueueLine {
  readonly name: string
  readonly ready: number
  /** null where the broker cannot count them. */
  readonly delayed: number | null
  readonly unacked: number | null
  readonly dead: number
  readonly isPaused: boolean
  /** Workers that consume it; null when they could not be asked. */
  readonly consumers: number | null
}
