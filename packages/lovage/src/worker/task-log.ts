import { type Outcome, shownResult, type TaskContext } from '../app/tasks/index.js'
import type { Logger } from '../kernel/index.js'
import { reprValue } from '../message/index.js'

/** The log lines of a task's life; the field names are what log searches of the field already use. */
export class TaskLog {
  readonly #logger: Logger

  constructor(logger: Logger) {
    this.#logger = logger
  }

  /** Whether anybody reads ordinary lines: without, making them would cost more than the task. */
  get isVerbose(): boolean {
    return this.#logger.isLevelEnabled?.('info') ?? true
  }

  received(context: TaskContext): void {
    if (!this.isVerbose) return
    this.#logger.info(
      { task_id: context.id, task_name: context.name, retry_count: context.retries, state: 'RECEIVED' },
      `Task ${nameOf(context)}[${context.id}] received${context.deliveryInfo.redelivered ? ' again: a worker lost it, or gave it back' : ''}`,
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

  finished(context: TaskContext, outcome: Outcome, runMs: number): void {
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
        return this.#logger.error(fields, `${subject}: ${outcome.error.message}; it is run again`)
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
