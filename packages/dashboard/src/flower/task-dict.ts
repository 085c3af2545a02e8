import type { TaskEntry } from '../history/task-entry.js'

/** A task in Flower's API form: Celery's `Task.as_dict()`, times in Unix seconds. */
export function taskDict(task: TaskEntry, children: readonly string[]): Readonly<Record<string, unknown>> {
  const last = (kind: string): number | null => {
    const ms = task.timeline.findLast((entry) => entry.kind === kind)?.ms
    return ms === undefined ? null : ms / 1000
  }
  const seconds = (ms: number | null): number | null => (ms === null ? null : ms / 1000)
  return {
    uuid: task.id,
    name: task.name,
    state: task.state,
    received: seconds(task.receivedMs),
    sent: seconds(task.sentMs),
    started: seconds(task.startedMs),
    rejected: last('rejected'),
    succeeded: last('succeeded'),
    failed: last('failed'),
    retried: last('retried'),
    revoked: last('revoked'),
    args: task.args,
    kwargs: task.kwargs,
    eta: task.eta,
    expires: task.expires,
    retries: task.retries,
    worker: task.worker,
    result: task.result,
    exception: task.exception,
    timestamp: task.changedMs / 1000,
    runtime: task.runtime,
    traceback: task.traceback,
    exchange: null,
    routing_key: task.queue,
    clock: task.clock,
    client: task.client,
    root: task.rootId,
    root_id: task.rootId,
    parent: task.parentId,
    parent_id: task.parentId,
    children,
  }
}
