import type { LetterRow } from '../letters/program.js'
import type { ResultRow } from '../results/program.js'

/** A message to be written to the file. */
export interface PublishRow {
  readonly exchange: string
  readonly routingKey: string
  /** kombu's wire priority: lowest first. */
  readonly level: number
  /** 0 = now. */
  readonly dueMs: number
  readonly taskId: string | null
  readonly task: string | null
  /** kombu's envelope. */
  readonly raw: string
  readonly once?: { readonly key: string; readonly ttlMs: number }
}

/** The name of a claim: a row, and how often it has been claimed. */
export interface ClaimName {
  readonly seq: number
  readonly claims: number
}

/** The end of a claim, as the thread receives it. */
export type SettleRow = ClaimName & {
  readonly publish: readonly PublishRow[]
  readonly results: readonly ResultRow[]
} & (
    | { readonly kind: 'ack' }
    | { readonly kind: 'requeue'; readonly counts: boolean }
    | { readonly kind: 'postpone'; readonly untilMs: number }
    | { readonly kind: 'dead-letter'; readonly letter: LetterRow }
  )

/** A claimed message as it leaves the thread. */
export interface ClaimRow extends ClaimName {
  readonly queue: string
  readonly redeliveries: number
  readonly raw: string | ArrayBuffer
}

/** A message to be due at another time. */
export interface RescheduleRow extends ClaimName {
  /** 0 = now. */
  readonly dueMs: number
  readonly raw: string
}

/** A claim's reply. */
export interface Claimed {
  readonly rows: readonly ClaimRow[]
  /** When the next delayed message is due, in any queue; null = there is none. */
  readonly nextDueMs: number | null
}
