import type { Lovage } from '../app/index.js'
import { newContext, type RunEnvironment } from '../app/tasks/index.js'
import type { Delivery } from '../broker/index.js'
import { LovageError, type MessageError } from '../kernel/index.js'
import {
  type DecodeOptions,
  decodeBody,
  type IncomingMessage,
  readHeaders,
  type TaskHeaders,
  type TaskMessage,
} from '../message/index.js'
import { admit } from './admit.js'
import { type FollowUps, NO_FOLLOW_UP } from './follow-ups.js'
import type { Job } from './pools/job.js'
import { type Follow, MAX_REDELIVERIES, type Refusals } from './refusals.js'
import type { SettlePlan } from './settle-plan.js'

/** What becomes of a delivery: a run, or the plan that ends it, with what there is to tell about it. */
export type Intake =
  | { readonly kind: 'job'; readonly job: Job; readonly delivery: Delivery }
  | {
      readonly kind: 'postpone'
      readonly plan: SettlePlan
      readonly headers: TaskHeaders
      readonly untilMs: number
    }
  | {
      readonly kind: 'revoked'
      readonly plan: SettlePlan
      readonly headers: TaskHeaders
      readonly why: 'expired' | 'revoked' | 'terminated' | 'superseded'
    }
  | { readonly kind: 'unknown'; readonly plan: SettlePlan; readonly headers: TaskHeaders }
  | {
      readonly kind: 'refused'
      readonly plan: SettlePlan
      readonly headers?: TaskHeaders
      readonly error: LovageError
    }

/** What intake asks. */
export interface IntakePorts {
  readonly app: Lovage
  /** How messages are read. */
  readonly reading: DecodeOptions
  readonly refusals: Refusals
  readonly followUps: FollowUps
  readonly environment: RunEnvironment
  readonly isRevoked: (headers: TaskHeaders) => boolean
}

/** Reads a delivery and decides about it; nothing has happened yet when this returns. */
export function takeIn(delivery: Delivery, ports: IntakePorts): Intake {
  const { app, refusals } = ports
  const { message } = delivery
  if (message instanceof Error)
    return { kind: 'refused', plan: refusals.quarantine(delivery, message), error: message }
  const headers = readHeaders(message, ports.reading)
  if (headers instanceof Error)
    return { kind: 'refused', plan: refusals.quarantine(delivery, headers), error: headers }
  if (delivery.redeliveries > MAX_REDELIVERIES) {
    const error = new LovageError(`${headers.task} lost its worker ${delivery.redeliveries} times.`, {
      code: 'LVG_TASK_WORKER_LOST',
    })
    return {
      kind: 'refused',
      plan: refusals.lost(delivery, headers, followOf(message, headers, ports)),
      headers,
      error,
    }
  }
  const admission = admit(headers, {
    nowMs: app.clock.now(),
    isRegistered: (task) => app.tasks.has(task),
    isRevoked: ports.isRevoked,
  })
  switch (admission.kind) {
    case 'quarantine':
      return {
        kind: 'refused',
        plan: refusals.quarantine(delivery, admission.error, headers, followOf(message, headers, ports)),
        headers,
        error: admission.error,
      }
    case 'discard':
      return {
        kind: 'revoked',
        plan: refusals.revoked(delivery, headers, admission.why, followOf(message, headers, ports)),
        headers,
        why: admission.why,
      }
    case 'unknown':
      return {
        kind: 'unknown',
        plan: refusals.unknown(delivery, message, headers, followOf(message, headers, ports)),
        headers,
      }
    case 'postpone': {
      const settlement = { tag: delivery.tag, kind: 'postpone', untilMs: admission.untilMs } as const
      return {
        kind: 'postpone',
        plan: { publish: [], results: [], settlement, state: null },
        headers,
        untilMs: admission.untilMs,
      }
    }
    case 'run':
      return toJob(delivery, message, headers, readCall(message, headers, ports.reading), ports)
  }
}

/** What is not run may still have somebody waiting: the body is read when that is asked. */
function followOf(message: IncomingMessage, headers: TaskHeaders, ports: IntakePorts): Follow {
  return (exception, state) => {
    const call = readCall(message, headers, ports.reading)
    return call instanceof Error ? NO_FOLLOW_UP : ports.followUps.failure(call, exception, null, state)
  }
}

function toJob(
  delivery: Delivery,
  message: IncomingMessage,
  headers: TaskHeaders,
  call: TaskMessage | MessageError,
  ports: IntakePorts,
): Intake {
  if (call instanceof Error)
    return {
      kind: 'refused',
      plan: ports.refusals.quarantine(delivery, call, headers),
      headers,
      error: call,
    }
  const task = ports.app.tasks.get(headers.task)
  if (!task) return { kind: 'unknown', plan: ports.refusals.unknown(delivery, message, headers), headers }
  return {
    kind: 'job',
    delivery,
    job: { task, message, call, context: newContext(task, call, message, delivery.queue, ports.environment) },
  }
}

function readCall(
  message: IncomingMessage,
  headers: TaskHeaders,
  options: DecodeOptions,
): TaskMessage | MessageError {
  const body = decodeBody(message, headers, options)
  return body instanceof Error ? body : { headers, ...body }
}
