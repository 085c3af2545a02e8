import { type DisabledReason, newId } from '../domain/index.js'
import type { NewEvent } from './new-event.js'

/** A notice for an operator or a tenant, once per change. Sent as an event of the same name. */
export type Notice =
  | {
      readonly type: 'endpoint.disabled'
      readonly tenant: string
      readonly endpointId: string
      readonly reason: DisabledReason
      readonly atMs: number
    }
  | {
      readonly type: 'endpoint.enabled'
      readonly tenant: string
      readonly endpointId: string
      readonly atMs: number
    }
  /** Every attempt has failed for this percentage of the time after which it is disabled. */
  | {
      readonly type: 'endpoint.failing'
      readonly tenant: string
      readonly endpointId: string
      readonly percent: 50 | 70 | 90
      readonly failingSinceMs: number
      readonly atMs: number
    }
  | {
      readonly type: 'endpoint.circuit_opened' | 'endpoint.circuit_closed'
      readonly tenant: string
      readonly endpointId: string
      readonly atMs: number
    }
  /** `failing`: the task's retries are spent and the sweeper has taken over; `recovered`: it was failing, and arrived. */
  | {
      readonly type: 'message.attempt.failing' | 'message.attempt.exhausted' | 'message.attempt.recovered'
      readonly tenant: string
      readonly endpointId: string
      readonly eventId: string
      readonly deliveryId: string
      readonly attempts: number
      readonly atMs: number
    }

/** The name of a notice. */
export type NoticeType = Notice['type']

/** Types that an endpoint receives only when it names them: the notices. */
export const NOTICE_TYPES: readonly NoticeType[] = [
  'endpoint.disabled',
  'endpoint.enabled',
  'endpoint.failing',
  'endpoint.circuit_opened',
  'endpoint.circuit_closed',
  'message.attempt.failing',
  'message.attempt.exhausted',
  'message.attempt.recovered',
]

/** The event form of a notice, for endpoints that name its type. */
export function noticeEvent(notice: Notice): NewEvent {
  const { type, tenant, atMs, ...data } = notice
  const body = { type, timestamp: new Date(atMs).toISOString(), data }
  return {
    id: newId('msg', atMs),
    tenant,
    type,
    orderingKey: notice.endpointId,
    dedupKey: null,
    body: Buffer.from(JSON.stringify(body)),
    createdAtMs: atMs,
    endpointIds: null,
  }
}
