import type { AppCore } from '../app/core/index.js'
import type { Answers } from '../app/fleet/index.js'
import { Control, type RequestInfo } from '../app/operating/index.js'

/** What is known of a task. */
export interface TaskStatus {
  readonly task_id: string
  /** PENDING also for an id that nobody has heard of: see `known`. */
  readonly status: string
  /** Whether anything is stored for this id. */
  readonly known: boolean
  readonly result: unknown
  readonly traceback: string | null
  /** ISO 8601. */
  readonly date_done: string | null
}

/** What became of a task. */
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

/** Keeps a task from running; with `terminate` it is stopped where it runs. */
export const revokeTask = (
  app: AppCore,
  id: string,
  options: { readonly terminate?: boolean } = {},
): Promise<void> => new Control(app).revoke(id, options)

/** Tasks that run now, by worker. */
export const getActiveTasks = (app: AppCore): Promise<Answers<readonly RequestInfo[]>> =>
  new Control(app).inspect().active()

/** What workers have done and how they are set up, by worker. */
export const getWorkerStats = (app: AppCore): Promise<Answers<Readonly<Record<string, unknown>>>> =>
  new Control(app).inspect().stats()
