import { MessageError, newTaskId, nodeName, TaskError } from '../../kernel/index.js'
import {
  acceptList,
  decodeTask,
  encodeJson,
  encodeTask,
  type TaskMessage,
  toExceptionInfo,
} from '../../message/index.js'
import type { TaskResult } from '../../result/index.js'
import type { AppCore } from '../core/index.js'
import { AsyncResult, type EagerResult } from '../results/index.js'
import { type AnyTask, type Call, type Outcome, type RunEnvironment, TaskContext } from '../tasks/index.js'
import { run } from './run.js'

/**
 * Runs a call here and now. The arguments are serialised and parsed as on the wire, so that calls that would fail there
 * fail here; retries follow at once, without their countdown.
 */
export async function applyEagerly(core: AppCore, task: AnyTask, call: Call): Promise<EagerResult<unknown>> {
  const id = call.options.taskId ?? newTaskId()
  const nowMs = core.clock.now()
  const message = encodeTask(
    {
      task: call.task,
      id,
      args: call.args,
      kwargs: call.kwargs,
      routingKey: '',
      retries: call.options.retries ?? 0,
      ...(call.options.headers ? { headers: call.options.headers } : {}),
    },
    { nowMs, jsonTypes: core.conf.jsonTypes, integers: core.conf.integers },
  )
  const decoded = decodeTask(message, { accept: acceptList(['json']), integers: core.conf.integers })
  if (decoded instanceof MessageError) throw decoded
  for (let runs = 1; ; runs++) {
    const outcome = await run(task, eagerContext(core, task, decoded, runs - 1), () => ({
      nowMs: core.clock.now(),
      random: Math.random,
    }))
    if (outcome.kind !== 'retry') return resultOf(id, outcome, runs)
  }
}

function eagerContext(core: AppCore, task: AnyTask, call: TaskMessage, retries: number): TaskContext {
  const environment: RunEnvironment = {
    logger: core.logger,
    hostname: nodeName(`gen${process.pid}`),
    isEager: true,
    errors: core.errors,
    updateState: async () => {},
  }
  const headers = { ...call.headers, retries: call.headers.retries + retries }
  const info = { exchange: '', routingKey: '', queue: null, priority: null, redelivered: false }
  return new TaskContext(
    task,
    { ...call, headers },
    { info, correlationId: headers.id, replyTo: null },
    environment,
  )
}

function resultOf(
  id: string,
  outcome: Exclude<Outcome, { kind: 'retry' }>,
  runs: number,
): EagerResult<unknown> {
  switch (outcome.kind) {
    case 'success':
      return { id, state: 'SUCCESS', result: outcome.value, traceback: null, runs, get: () => outcome.value }
    case 'failure':
      return {
        id,
        state: 'FAILURE',
        result: outcome.error,
        traceback: outcome.traceback,
        runs,
        get: () => {
          throw outcome.error
        },
      }
    case 'replace': {
      const error = new TaskError('A task that runs eagerly cannot be replaced: there is no broker.', {
        code: 'LVG_CANVAS_INVALID',
      })
      return {
        id,
        state: 'FAILURE',
        result: error,
        traceback: error.stack ?? null,
        runs,
        get: () => {
          throw error
        },
      }
    }
    // Only pools lose runs, and there is none here.
    case 'lost':
    case 'ignore':
      return { id, state: 'IGNORED', result: null, traceback: null, runs, get: () => null }
    case 'reject':
      return {
        id,
        state: 'REJECTED',
        result: null,
        traceback: outcome.traceback,
        runs,
        get: () => {
          throw new TaskError(outcome.message, { code: 'LVG_TASK_FAILED' })
        },
      }
  }
}

/** An eager run as the result that a worker would have stored. */
export function settledResult(
  { id, state, result, traceback }: EagerResult<unknown>,
  nowMs: number,
): TaskResult {
  return {
    id,
    state,
    result: state === 'FAILURE' ? toExceptionInfo(result) : result,
    traceback,
    children: [],
    dateDone: new Date(nowMs).toISOString(),
  }
}

/** Runs a call here instead of sending it (`taskAlwaysEager`). */
export async function sendEagerly(app: AppCore, call: Call): Promise<AsyncResult<unknown>> {
  const task = app.tasks.get(call.task)
  if (!task) throw app.tasks.unknown(call.task)
  const eager = await applyEagerly(app, task, call)
  if (app.conf.taskEagerPropagates) eager.get()
  const settled = settledResult(eager, app.clock.now())
  if (app.conf.taskStoreEagerResult && app.hasResults)
    await (await app.results()).store([{ ...settled, resultJson: encodeJson(settled.result) }])
  return AsyncResult.settled(settled, app)
}
