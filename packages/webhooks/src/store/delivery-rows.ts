import type { Attempt, Delivery, DeliveryState, OutcomeKind, WaitReason } from '../domain/index.js'
import type { Lane } from '../lane/index.js'
import { dayOf } from './days.js'

/** A row of deliveries. */
export interface DeliveryRow {
  readonly id: string
  readonly tenant: string
  readonly event_id: string
  readonly endpoint_id: string
  readonly event_type: string
  readonly ordering_key: string | null
  readonly state: DeliveryState
  readonly waits_for: WaitReason
  readonly attempts: number
  readonly due_at: number | null
  readonly claimant: string | null
  readonly last_outcome: OutcomeKind | null
  readonly last_status: number | null
  readonly is_test: number
  readonly event_day: number
  readonly event_at: number
  readonly created_at: number
  readonly updated_at: number
}

export const toDelivery = (row: DeliveryRow): Delivery => ({
  id: row.id,
  tenant: row.tenant,
  eventId: row.event_id,
  endpointId: row.endpoint_id,
  eventType: row.event_type,
  state: row.state,
  waitsFor: row.waits_for,
  attempts: row.attempts,
  nextAttemptAtMs: row.due_at,
  lastOutcome: row.last_outcome,
  lastStatus: row.last_status,
  isTest: row.is_test === 1,
  createdAtMs: row.created_at,
  updatedAtMs: row.updated_at,
})

/** A row of attempts. */
export interface AttemptRow {
  readonly day: number
  readonly id: string
  readonly delivery_id: string
  readonly event_id: string
  readonly endpoint_id: string
  readonly tenant: string
  readonly number: number
  readonly trigger: Attempt['trigger']
  readonly started_at: number
  readonly duration_ms: number
  readonly outcome: OutcomeKind
  readonly status: number | null
  readonly error: string | null
  readonly response_headers: string | null
  readonly response_body: string | null
  readonly response_encoding: 'utf8' | 'base64' | null
  readonly is_truncated: number | null
}

export const attemptRow = (attempt: Attempt): AttemptRow => ({
  day: dayOf(attempt.startedAtMs),
  id: attempt.id,
  delivery_id: attempt.deliveryId,
  event_id: attempt.eventId,
  endpoint_id: attempt.endpointId,
  tenant: attempt.tenant,
  number: attempt.number,
  trigger: attempt.trigger,
  started_at: attempt.startedAtMs,
  duration_ms: attempt.durationMs,
  outcome: attempt.outcome,
  status: attempt.status,
  error: attempt.error,
  response_headers: JSON.stringify(attempt.responseHeaders),
  // PostgreSQL's text type cannot hold a zero byte, although it is valid UTF-8; such a body is stored as base64.
  ...bodyColumns(attempt),
})

function bodyColumns({ responseBody }: Attempt) {
  if (responseBody === null) return { response_body: null, response_encoding: null, is_truncated: null }
  const { encoding, text, isTruncated } = responseBody
  const isText = encoding === 'utf8' && !text.includes('\u0000')
  return {
    response_body: isText || encoding === 'base64' ? text : Buffer.from(text).toString('base64'),
    response_encoding: isText ? ('utf8' as const) : ('base64' as const),
    is_truncated: isTruncated ? 1 : 0,
  }
}

export const toAttempt = (row: AttemptRow): Attempt => ({
  id: row.id,
  deliveryId: row.delivery_id,
  eventId: row.event_id,
  endpointId: row.endpoint_id,
  tenant: row.tenant,
  number: row.number,
  trigger: row.trigger,
  startedAtMs: row.started_at,
  durationMs: row.duration_ms,
  outcome: row.outcome,
  status: row.status,
  error: row.error,
  // `attemptRow` alone writes the column.
  responseHeaders: JSON.parse(row.response_headers ?? '{}') as Attempt['responseHeaders'],
  responseBody:
    row.response_body === null || row.response_encoding === null
      ? null
      : { encoding: row.response_encoding, text: row.response_body, isTruncated: row.is_truncated === 1 },
})

/** A row of lanes. */
export interface LaneRow {
  readonly endpoint_id: string
  readonly circuit_window: string
  readonly circuit: Lane['circuit']
  readonly circuit_until: number
  readonly rate_tat: number
  readonly failing_since: number | null
  readonly warned_percent: number
  readonly has_waiting: number
  readonly wake_at: number
}

export const toLane = (row: LaneRow): Lane => ({
  endpointId: row.endpoint_id,
  window: row.circuit_window,
  circuit: row.circuit,
  circuitUntilMs: row.circuit_until,
  rateTatMs: row.rate_tat,
  failingSinceMs: row.failing_since,
  warnedPercent: row.warned_percent,
  hasWaiting: row.has_waiting === 1,
  wakeAtMs: row.wake_at,
})

export const laneRow = (lane: Lane) => ({
  key: lane.endpointId,
  circuit_window: lane.window,
  circuit: lane.circuit,
  circuit_until: lane.circuitUntilMs,
  rate_tat: lane.rateTatMs,
  failing_since: lane.failingSinceMs,
  warned_percent: lane.warnedPercent,
  has_waiting: lane.hasWaiting ? 1 : 0,
  wake_at: lane.wakeAtMs,
})
