import { newContext } from '../app/tasks/index.js'
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
import { NO_FOLLOW_UP } from './follow-ups.js'
import type { Job } from './pools/job.js'
import type { Follow } from './refusals.js'
import type { Refused } from './refused.js'
import { MAX_REDELIVERIES } from './settle-plan.js'
import type { WorkerCore } from './worker-core.js'

/** The result for a delivery: a run, or a plan that ends it. */
export type Intake = { readonly kind: 'job'; readonly job: Job } | Refused

/** How deliveries are read and judged. */
export interface Reading extends Pick<WorkerCore, 'app' | 'refusals' | 'followUps' | 'environment'> {
  readonly options: DecodeOptions
  readonly isRevoked: (headers: TaskHeaders) => boolean
}

/** Reads a delivery and decides about it; it has no side effects. */
export function takeIn(delivery: Delivery, reading: Reading): Intake {
  const { app, refusals } = reading
  const { message } = delivery
  if (message instanceof Error)
    return { kind: 'refused', plan: refusals.quarantine(delivery, message), error: message }
  const headers = readHeaders(message, reading.options)
  if (headers instanceof Error)
    return { kind: 'refused', plan: refusals.quarantine(delivery, headers), error: headers }
  const { fault } = delivery
  if (fault) {
    const plan = refusals.quarantine(delivery, fault, headers, followOf(message, headers, reading))
    return { kind: 'refused', plan, headers, error: fault }
  }
  if (delivery.redeliveries > MAX_REDELIVERIES) {
    const error = new LovageError(`${headers.task} lost its worker ${delivery.redeliveries} times.`, {
      code: 'LVG_TASK_WORKER_LOST',
    })
    return {
      kind: 'refused',
      plan: refusals.lost(delivery, headers, followOf(message, headers, reading)),
      headers,
      error,
    }
  }
  const admission = admit(headers, {
    nowMs: app.clock.now(),
    isRegistered: (task) => app.tasks.has(task),
    isRevoked: reading.isRevoked,
  })
  switch (admission.kind) {
    case 'quarantine':
      return {
        kind: 'refused',
        plan: refusals.quarantine(delivery, admission.error, headers, followOf(message, headers, reading)),
        headers,
        error: admission.error,
      }
    case 'discard':
      return {
        kind: 'revoked',
        plan: refusals.revoked(delivery, headers, admission.why, followOf(message, headers, reading)),
        headers,
        why: admission.why,
      }
    case 'unknown':
      return {
        kind: 'unknown',
        plan: refusals.unknown(delivery, message, headers, followOf(message, headers, reading)),
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
      return toJob(delivery, message, headers, readCall(message, headers, reading.options), reading)
  }
}

/** A caller may still wait for a task that is not run: the body is read when that is checked. */
function followOf(message: IncomingMessage, headers: TaskHeaders, reading: Reading): Follow {
  return (exception, state) => {
    const call = readCall(message, headers, reading.options)
    return call instanceof Error ? NO_FOLLOW_UP : reading.followUps.failure(call, exception, null, state)
  }
}

function toJob(
  delivery: Delivery,
  message: IncomingMessage,
  headers: TaskHeaders,
  call: TaskMessage | MessageError,
  reading: Reading,
): Intake {
  if (call instanceof Error)
    return {
      kind: 'refused',
      plan: reading.refusals.quarantine(delivery, call, headers),
      headers,
      error: call,
    }
  const task = reading.app.tasks.get(headers.task)
  if (!task) return { kind: 'unknown', plan: reading.refusals.unknown(delivery, message, headers), headers }
  return {
    kind: 'job',
    job: {
      task,
      message,
      call,
      context: newContext(task, call, message, delivery.queue, reading.environment),
    },
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
