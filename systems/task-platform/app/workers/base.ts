import { currentContext, type TaskContext, type TaskHandlers, type TaskOptions } from 'lovage'
import { configFrom, current, database, inContext } from '../application.js'
import { RunTransaction } from './run-transaction.js'

/** Options and handlers that tasks share: they are taken in with `...`. */
export type Worker = TaskOptions & TaskHandlers<unknown>

/** An error that trying again will not mend. */
export class Unfit extends Error {
  override readonly name = 'Unfit'
}

/**
 * What every task has: retries that back off with jitter, an error log, the application's context, and a transaction around each run. What
 * a run has written is there when it has succeeded, and gone when it has thrown. A run whose transaction is done and whose worker
 * died before it could say so gives its result again, and does nothing twice.
 */
export const baseWorker = {
  autoretryFor: [Error],
  dontAutoretryFor: [Unfit],
  retryBackoff: true,
  retryBackoffMax: 600,
  retryJitter: true,
  maxRetries: 3,
  // Failed for good, after its retries or at once: kept in the table dead_letter_tasks.
  deadLetter: 'failures',
  around: inApplication,
  onRetry: (ctx, error) =>
    ctx.logger.warn({ err: error }, `${ctx.name} failed and will be tried again: ${messageOf(error)}`),
  onFailure: (ctx, error) =>
    ctx.logger.error(
      { err: error, args: ctx.task.options.redact ? undefined : ctx.kwargs },
      `${ctx.name} failed for good: ${messageOf(error)}`,
    ),
} as const satisfies Worker

/** A base worker that counts: runs, failures and times of its tasks stand in the table task_metrics. */
export const monitoredWorker = {
  ...baseWorker,
  around: async <Result>(ctx: TaskContext, next: () => Promise<Result>): Promise<Result> => {
    const beganMs = performance.now()
    try {
      const result = await inApplication(ctx, next)
      await measure(ctx, 0, performance.now() - beganMs)
      return result
    } catch (error) {
      await measure(ctx, 1, performance.now() - beganMs)
      throw error
    }
  },
} as const satisfies Worker

async function inApplication<Result>(ctx: TaskContext, next: () => Promise<Result>): Promise<Result> {
  const db = new RunTransaction(await database())
  const context = { db, config: configFrom(process.env), logger: ctx.logger }
  return inContext(context, async () => {
    try {
      const [before] = await db.query('SELECT result FROM task_runs WHERE task_id = $1', [ctx.id])
      if (before) {
        await db.commit()
        ctx.logger.info({}, `${ctx.name} was done before its worker died`)
        // This task's own result, as the first run wrote it.
        return JSON.parse(String(before.result)) as Result
      }
      const result = await next()
      await db.query('INSERT INTO task_runs (task_id, task_name, result, done_ms) VALUES ($1, $2, $3, $4)', [
        ctx.id,
        ctx.name,
        JSON.stringify(result ?? null),
        Date.now(),
      ])
      await db.commit()
      return result
    } catch (error) {
      await db.rollback()
      throw error
    }
  })
}

/** Counted apart from the run's transaction, so that failures are counted too. */
async function measure(ctx: TaskContext, failures: number, ms: number): Promise<void> {
  const db = await database()
  await db.query(
    `INSERT INTO task_metrics (task_name, runs, failures, total_ms, slowest_ms) VALUES ($1, 1, $2, $3, $3)
     ON CONFLICT (task_name) DO UPDATE SET runs = task_metrics.runs + 1, failures = task_metrics.failures + excluded.failures,
       total_ms = task_metrics.total_ms + excluded.total_ms,
       slowest_ms = CASE WHEN excluded.slowest_ms > task_metrics.slowest_ms THEN excluded.slowest_ms ELSE task_metrics.slowest_ms END`,
    [ctx.name, failures, Math.round(ms)],
  )
}

/** Options for tasks of a queue: `app.task({ ...createTaskDecorator({ queue: 'billing' }), name, run })`. */
export const createTaskDecorator = <const Options extends Worker>(
  options: Options,
): Omit<typeof monitoredWorker, keyof Options> & Options => ({ ...monitoredWorker, ...options })

/** The database of the running task: its transaction. */
export const db = () => current().db

/** The id of the running task, to be handed to services that can tell repetitions apart. */
export const runId = (): string => currentContext()?.id ?? ''

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))
