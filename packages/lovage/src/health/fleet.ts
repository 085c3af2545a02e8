import type { AppCore } from '../app/core/index.js'
import type { Answers } from '../app/fleet/index.js'
import { Control, type RequestInfo } from '../app/operating/index.js'

/** The status of a task. */
export interface TaskStatus {
  readonly task_id: string
  /** PENDING also for an unknown id: see `known`. */
  readonly status: string
  /** Whether anything is stored for this id. */
  readonly known: boolean
  readonly result: unknown
  readonly traceback: string | null
  /** ISO 8601. */
  readonly date_done: string | null
}

/** Returns the status of a task. */
export async function getTaskStatus(app: AppCore, id: string): Promise<TaskStatus> {
  const [record] = await (await app.results()).get([id])
  return {
    task_id: id,
    status: record?.state ?? 'PENDING',
    known: record !== undefined && record.state !== 'PENDING',
    result: record?.result ?? null,
    traceback: record?.traceback ?? null,
    date_done: record?.dateDone ?? null,
  }
}

/** Keeps a task from running; with `terminate` a running one is stopped. */
export const revokeTask = (
  app: AppCore,
  id: string,
  options: { readonly terminate?: boolean } = {},
): Promise<void> => new Control(app).revoke(id, options)

/** Tasks now running, by worker. */
export const getActiveTasks = (app: AppCore): Promise<Answers<readonly RequestInfo[]>> =>
  new Control(app).inspect().active()

/** Workers' totals and configuration, by worker. */
export const getWorkerStats = (app: AppCore): Promise<Answers<Readonly<Record<string, unknown>>>> =>
  new Control(app).inspect().stats()
