import type { AppCore } from '../app/core/index.js'
import { type Outcome, shownResult, type TaskContext } from '../app/tasks/index.js'
import type { Delivery } from '../broker/index.js'
import type { Logger } from '../kernel/index.js'
import { reprValue } from '../message/index.js'
import type { Claim, ClaimObserver, ReturnReason } from './claim.js'
import type { Refused } from './refused.js'

/** The log lines of a task's life; the field names are those that log searches of the field already use. */
export class TaskLog implements ClaimObserver {
  readonly #logger: Logger
  readonly #tasks: AppCore['tasks']

  constructor({ logger, tasks }: Pick<AppCore, 'logger' | 'tasks'>) {
    this.#logger = logger
    this.#tasks = tasks
  }

  /** Whether ordinary lines are logged at all: if not, building them would cost more than the task. */
  get isVerbose(): boolean {
    return this.#logger.isLevelEnabled?.('info') ?? true
  }

  refused(delivery: Delivery, why: Refused): undefined {
    switch (why.kind) {
      case 'refused': {
        const { error, headers } = why
        this.#logger.error(
          { code: error.code, task_id: headers?.id, task_name: headers?.task, queue: delivery.queue },
          `message quarantined: ${error.message}`,
        )
        break
      }
      case 'unknown': {
        const { task: name, id } = why.headers
        this.#logger.error(
          { task_id: id, task_name: name, queue: delivery.queue },
          `${this.#tasks.unknown(name).message} The message is kept.`,
        )
        break
      }
      case 'revoked': {
        const { id, task } = why.headers
        const fields = { task_id: id, task_name: task, state: 'REVOKED' }
        if (why.why === 'terminated')
          this.#logger.warn({ ...fields, signal: why.signal }, `Task ${task}[${id}] terminated`)
        else this.#logger.info(fields, `Discarding ${why.why} task ${task}[${id}]`)
        break
      }
      case 'postpone':
        break
    }
  }

  queued({ job: { context } }: Claim): void {
    if (!this.isVerbose) return
    this.#logger.info(
      { task_id: context.id, task_name: context.name, retry_count: context.retries, state: 'RECEIVED' },
      `Task ${nameOf(context)}[${context.id}] received${context.deliveryInfo.redelivered ? ' again: a worker lost or returned it' : ''}`,
    )
  }

  returned({ job: { context } }: Claim, why: ReturnReason): void {
    if (why === 'lost')
      this.#logger.warn(
        { task_id: context.id, task_name: context.name },
        'a message is no longer ours; another worker has it',
      )
  }

  /** It steps aside, for its rate or its concurrency limit. */
  limited(context: TaskContext, untilMs: number): void {
    if (!this.isVerbose) return
    this.#logger.info(
      { task_id: context.id, task_name: context.name, eta: new Date(untilMs).toISOString() },
      `Task ${nameOf(context)}[${context.id}] waits for its limits`,
    )
  }

  ended({ job: { context } }: Claim, outcome: Outcome | undefined, runMs: number): undefined {
    if (outcome) this.#finished(context, outcome, runMs)
  }

  #finished(context: TaskContext, outcome: Outcome, runMs: number): void {
    if (outcome.kind !== 'failure' && outcome.kind !== 'lost' && !this.isVerbose) return
    const seconds = (runMs / 1000).toFixed(2)
    const fields = {
      task_id: context.id,
      task_name: context.name,
      execution_time: `${seconds}s`,
      retry_count: context.retries,
      state: stateOf(outcome),
    }
    const subject = `Task ${nameOf(context)}[${context.id}]`
    switch (outcome.kind) {
      case 'success':
        return this.#logger.info(
          fields,
          `${subject} succeeded in ${seconds}s: ${shownResult(context, outcome.value)}`,
        )
      case 'retry':
        return this.#logger.info(
          { ...fields, eta: new Date(outcome.dueMs).toISOString() },
          `${subject} retry: ${describe(outcome.exception)}`,
        )
      case 'failure':
        if (outcome.expected)
          return this.#logger.info(fields, `${subject} raised expected: ${describe(outcome.exception)}`)
        return this.#logger.error(
          { ...fields, traceback: outcome.traceback },
          `${subject} raised unexpected: ${describe(outcome.exception)}`,
        )
      case 'lost':
        return this.#logger.error(fields, `${subject}: ${outcome.error.message}; it will run again`)
      case 'ignore':
        return this.#logger.info(fields, `${subject} ignored`)
      case 'replace':
        return this.#logger.info(fields, `${subject} replaced`)
      case 'reject':
        return this.#logger.info(
          { ...fields, requeue: outcome.requeue },
          `${subject} rejected: ${outcome.message}`,
        )
    }
  }
}

const STATE = {
  success: 'SUCCESS',
  retry: 'RETRY',
  failure: 'FAILURE',
  lost: 'LOST',
  ignore: 'IGNORED',
  replace: 'IGNORED',
  reject: 'REJECTED',
} as const

/** Celery's word for an outcome. */
export const stateOf = (outcome: Outcome): string => STATE[outcome.kind]

const nameOf = (context: TaskContext): string => context.shadow ?? context.name

function describe(
  exception: { readonly exc_type: string; readonly exc_message: readonly unknown[] | string } | null,
): string {
  if (exception === null) return 'asked for by the task'
  const message = exception.exc_message
  return `${exception.exc_type}(${typeof message === 'string' ? message : message.map((part) => reprValue(part)).join(', ')})`
}
