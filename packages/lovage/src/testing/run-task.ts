import {
  type AnyTask,
  type DeliveryInfo,
  type RunEnvironment,
  type Task,
  TaskContext,
} from '../app/tasks/index.js'
import { type Logger, newId, silentLogger } from '../kernel/index.js'
import type { TaskHeaders } from '../message/index.js'

/** The task's view of its run; everything has a default. */
export interface RunTaskOptions {
  readonly id?: string
  readonly retries?: number
  readonly headers?: Readonly<Record<string, unknown>>
  readonly eta?: Date
  readonly rootId?: string
  readonly parentId?: string
  readonly groupId?: string
  readonly deliveryInfo?: Partial<DeliveryInfo>
  readonly logger?: Logger
  /** Receives the states that the task stores (`PROGRESS`). */
  readonly onState?: (state: string, meta: unknown) => void
  /** Receives the events that the task sends. */
  readonly onEvent?: (type: string, fields: Readonly<Record<string, unknown>>) => void
  /** Aborts the run's signal. */
  readonly signal?: AbortSignal
}

/**
 * Runs a task's function once, with its own context and without any broker, and returns its value.
 * @throws what the task throws, including the `Retry` of `ctx.retry()`, so that a test can inspect it.
 * @example
 * import { runTask } from 'lovage/testing'
 * console.log(await runTask(add, [2, 3])) // 5, without broker and worker
 */
export async function runTask<Args, Result>(
  task: Task<Args, Result>,
  args: NoInfer<Args>,
  options: RunTaskOptions = {},
): Promise<Result> {
  const call = await task.call(args)
  const context = contextOf(task, call, options)
  options.signal?.addEventListener('abort', () => context.abort(options.signal?.reason), { once: true })
  const bound = await task.bind(call.args, call.kwargs)
  const { around } = task.handlers
  const invoke = async (): Promise<unknown> => task.invoke(context, bound)
  // The task's function returns this type.
  return (await (around ? around(context, invoke) : invoke())) as Result
}

function contextOf(
  task: AnyTask,
  call: { readonly args: readonly unknown[]; readonly kwargs: Readonly<Record<string, unknown>> },
  options: RunTaskOptions,
): TaskContext {
  const id = options.id ?? newId()
  const headers: TaskHeaders = {
    ...options.headers,
    lang: 'js',
    task: task.name,
    id,
    shadow: null,
    eta: options.eta?.toISOString() ?? null,
    expires: null,
    group: options.groupId ?? null,
    group_index: null,
    retries: options.retries ?? 0,
    timelimit: null,
    root_id: options.rootId ?? id,
    parent_id: options.parentId ?? null,
    argsrepr: '',
    kwargsrepr: '',
    origin: 'test',
    ignore_result: false,
    replaced_task_nesting: 0,
    stamped_headers: null,
    stamps: {},
  }
  const info: DeliveryInfo = {
    exchange: '',
    routingKey: 'celery',
    queue: null,
    priority: null,
    redelivered: false,
    ...options.deliveryInfo,
  }
  const environment: RunEnvironment = {
    logger: options.logger ?? silentLogger,
    hostname: 'test@localhost',
    isEager: true,
    sendEvent: (_context, type, fields) => options.onEvent?.(type, fields),
    updateState: async (_context, state, meta) => options.onState?.(state, meta),
  }
  return new TaskContext(task, { headers, ...call }, { info, correlationId: id, replyTo: null }, environment)
}
