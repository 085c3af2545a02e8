import type { DisabledReason } from '../domain/index.js'

/** Something that an operator or a tenant wants to be told; once for each change. Sent as an event of the same name. */
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
  /** It has done nothing but fail for this part of the time after which it is disabled. */
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
  /** `failing`: the task's retries are spent and the sweeper has it; `recovered`: it was failing, and arrived. */
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

/** Types that an endpoint gets only when it names them: those of notices. */
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
