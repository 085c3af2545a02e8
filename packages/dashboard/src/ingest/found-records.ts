import type { DeadLetter, QueuedTask, TaskResult } from 'lovage'
import { emptyRecord, type TaskRecord } from '../history/task-record.js'
import { exceptionText } from '../values/exception-text.js'
import { toJson } from '../values/lossless-json.js'

const LONGEST = 1024
const bounded = (text: string): string => (text.length > LONGEST ? `${text.slice(0, LONGEST - 1)}…` : text)

/** A task record from a dead letter. */
export function ofLetter(letter: DeadLetter, id: string): TaskRecord {
  return {
    ...emptyRecord(id, 'dead-letter'),
    state: 'FAILURE',
    changedMs: letter.failedMs,
    process: 'dead-letter',
    name: letter.task,
    queue: letter.queue,
    worker: letter.worker,
    retries: letter.retries,
    endedMs: letter.failedMs,
    exception: bounded(`${letter.error.type}: ${letter.error.message}`),
    traceback: letter.error.traceback,
  }
}

/** A task record from a message in a queue. */
export function ofQueued(task: QueuedTask): TaskRecord {
  return {
    ...emptyRecord(task.id, 'queue'),
    state: task.state === 'unacked' ? 'RECEIVED' : 'PENDING',
    changedMs: task.waitingSinceMs ?? 0,
    process: 'queue',
    name: task.task ?? null,
    queue: task.queue,
    args: bounded(task.argsrepr),
    kwargs: bounded(task.kwargsrepr),
    retries: task.retries,
    client: task.origin,
    eta: task.dueMs === undefined ? null : new Date(task.dueMs).toISOString(),
    sentMs: task.waitingSinceMs ?? null,
  }
}

/** A task record from a stored result. */
export function ofResult(found: TaskResult): TaskRecord {
  const { id, state, result, traceback, dateDone, groupId = null, parentId = null, extended } = found
  const endedMs = dateDone === null ? null : Date.parse(dateDone)
  const isFailure = state === 'FAILURE' || state === 'RETRY'
  return {
    ...emptyRecord(id, 'result'),
    state,
    changedMs: endedMs ?? 0,
    process: 'result',
    name: extended?.name ?? null,
    worker: extended?.worker ?? null,
    queue: extended?.queue ?? null,
    endedMs,
    traceback,
    parentId,
    groupId,
    ...(isFailure ? { exception: bounded(textOf(result)) } : { result: bounded(textOf(result)) }),
  }
}

function textOf(value: unknown): string {
  return exceptionText(value) ?? (typeof value === 'string' ? value : toJson(value))
}
