import type { AppCore } from '../app/core/index.js'
import { type Outcome, Reject } from '../app/tasks/index.js'
import type { Delivery } from '../broker/index.js'
import type { Claim, ClaimObserver } from './claim.js'
import type { PutAside } from './put-aside.js'
import type { Refused } from './refused.js'
import { stateOf } from './task-log.js'

/** Reports the progress of tasks to the worker's listeners. */
export class TaskSignals implements ClaimObserver {
  readonly #signals: AppCore['signals']
  readonly #putAside: PutAside

  constructor({ signals }: AppCore, putAside: PutAside) {
    this.#signals = signals
    this.#putAside = putAside
  }

  refused({ message, queue }: Delivery, why: Refused): undefined {
    const signals = this.#signals
    switch (why.kind) {
      case 'refused':
        signals.emit('taskRejected', { headers: why.headers, requeue: false, reason: why.error.message })
        break
      case 'unknown':
        signals.emit('taskUnknown', { name: why.headers.task, id: why.headers.id })
        break
      case 'revoked':
        signals.emit('taskRevoked', {
          headers: why.headers,
          terminated: why.why === 'terminated',
          signum: why.signum ?? null,
          expired: why.why === 'expired',
        })
        break
      case 'postpone': {
        const seen = message instanceof Error ? undefined : message
        // Python's worker has received a task that it holds until its ETA: monitors know it from then on.
        if (this.#putAside.add(why.headers, seen, queue, why.untilMs))
          signals.emit('taskReceived', { headers: why.headers, queue })
        break
      }
    }
  }

  queued({ job, delivery }: Claim): void {
    const wasTold = this.#putAside.take(job.context.wireHeaders)
    if (!wasTold && this.#signals.has('taskReceived'))
      this.#signals.emit('taskReceived', { headers: job.context.wireHeaders, queue: delivery.queue })
  }

  begun({ job }: Claim): void {
    if (this.#signals.has('taskPrerun')) this.#signals.emit('taskPrerun', { context: job.context })
  }

  ended({ job: { context } }: Claim, outcome: Outcome | undefined, runtimeMs: number): undefined {
    const signals = this.#signals
    // Without an outcome it was revoked, which was reported as such.
    if (outcome === undefined) return
    switch (outcome.kind) {
      case 'success':
        if (signals.has('taskSuccess'))
          signals.emit('taskSuccess', { context, result: outcome.value, runtimeMs })
        break
      case 'failure':
        if (signals.has('taskFailure'))
          signals.emit('taskFailure', { context, error: outcome.error, traceback: outcome.traceback })
        break
      case 'retry':
        if (signals.has('taskRetry'))
          signals.emit('taskRetry', { context, reason: outcome.request.cause, dueMs: outcome.dueMs })
        break
      case 'reject':
        if (!outcome.requeue && signals.has('taskFailure'))
          signals.emit('taskFailure', {
            context,
            error: new Reject(outcome.message),
            traceback: outcome.traceback,
          })
        if (signals.has('taskRejected'))
          signals.emit('taskRejected', {
            headers: context.wireHeaders,
            requeue: outcome.requeue,
            reason: outcome.message,
          })
        break
      case 'lost':
        signals.emit('taskInternalError', { headers: context.wireHeaders, error: outcome.error })
        return
      case 'ignore':
      case 'replace':
        break
    }
    if (signals.has('taskPostrun'))
      signals.emit('taskPostrun', {
        context,
        state: stateOf(outcome),
        result: outcome.kind === 'success' ? outcome.value : null,
        runtimeMs,
      })
  }
}
