import { ConfigurationError } from 'lovage'
import type { ActionCount, ActionOutcome } from '../actions/dashboard-actions.js'
import type { JobLine } from '../data/operations-pages.js'
import type { PageData } from '../data/page-frame.js'
import type { TasksPage } from '../data/tasks-page.js'
import type { TaskSummary } from '../history/task-entry.js'
import { counted } from '../values/counted.js'
import { toJson } from '../values/lossless-json.js'
import { type DashboardPlace, dashboardClient } from './dashboard-client.js'

/** The search, and the action on its results. */
export interface TasksOptions extends DashboardPlace {
  readonly search: string
  readonly limit: number
  readonly json: boolean
  /** The action on everything found. */
  readonly action?: 'retry' | 'revoke' | 'terminate' | 'abort'
  /** Asks for confirmation first. */
  readonly confirm: (question: string) => Promise<boolean>
  readonly write: (line: string) => void
}

const WATCH_MS = 500

/**
 * Lists the tasks that a search finds, newest first; with an action, counts them, asks for confirmation, and waits until the dashboard
 * has done it.
 * @throws {ConfigurationError} LVG_USAGE for an invalid search. @throws {ConnectionError} LVG_CONNECTION_FAILED.
 * @example
 * import { runTasks } from '@lovage/dashboard/cli'
 * await runTasks({
 *   url: 'http://127.0.0.1:5555',
 *   search: 'state:FAILURE received:>2h',
 *   limit: 20,
 *   json: false,
 *   confirm: async () => true,
 *   write: console.log,
 * })
 */
export async function runTasks(options: TasksOptions): Promise<boolean> {
  const client = dashboardClient(options)
  const { search, write } = options
  const page = await client.get<PageData<TasksPage>>('tasks', { q: search, limit: String(options.limit) })
  const { error, items, lookedBackToMs } = page.data
  if (error)
    throw new ConfigurationError(
      `Invalid search: ${error.message}.\n  ${search}\n  ${' '.repeat(error.position)}${'^'.repeat(Math.max(1, error.length))}`,
      {
        code: 'LVG_USAGE',
        hint: 'state:FAILURE name:mail -worker:canary received:>2h',
      },
    )
  if (options.action === undefined) {
    for (const task of items) write(options.json ? toJson(task) : line(task))
    if (lookedBackToMs !== null && !options.json)
      write(`(looked back to ${new Date(lookedBackToMs).toISOString()}; there may be more before)`)
    return true
  }
  const tasks = { search, expected: 0 }
  const { count, isExact } = await client.post<ActionCount>('actions/count', {
    kind: `task.${options.action}`,
    tasks,
  })
  const many = `${isExact ? '' : 'at least '}${counted(count, 'task')}`
  if (count === 0) write('Nothing found.')
  if (count === 0 || !(await options.confirm(`${options.action} ${many}?`))) return count === 0
  const outcome = await client.post<ActionOutcome>('actions', {
    kind: `task.${options.action}`,
    tasks: { search, expected: count },
  })
  write(outcome.message)
  if (outcome.jobId === undefined) return outcome.status === 'done'
  for (;;) {
    const { data } = await client.get<PageData<readonly JobLine[]>>('jobs')
    const job = data.find(({ id }) => id === outcome.jobId)
    if (job && job.state !== 'running') {
      write(
        `${job.state}: ${job.done} done, ${job.failed} failed${job.error === null ? '' : ` (${job.error})`}`,
      )
      return job.state === 'done' && job.failed === 0
    }
    await new Promise((resolve) => setTimeout(resolve, WATCH_MS))
  }
}

function line({ id, state, name, worker, changedMs, args, exception, result }: TaskSummary): string {
  const said = exception ?? result ?? ''
  const text = [
    new Date(changedMs).toISOString(),
    state.padEnd(8),
    id,
    `${name ?? '?'}${args ?? ''}`,
    worker ?? '',
    said,
  ].join('  ')
  // Names are untrusted: terminal control characters are removed.
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is removed.
  return text.replaceAll(/[\u0000-\u001f\u007f-\u009f]/g, '·').trimEnd()
}
