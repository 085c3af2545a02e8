import { z } from '@hono/zod-openapi'
import type { TaskPage, TasksPage, WorkflowPage, WorkflowsPage } from '../data/tasks-page.js'
import type { TaskEntry, TaskSummary } from '../history/task-entry.js'
import type { AllTasks } from './page-views.js'

export const ms = z.number().nullable().describe('Unix ms')
export const text = z.string().nullable()
export const number = z.number().nullable()
export const seconds = z.number().nullable().describe('seconds')

const summary = {
  key: z.number(),
  fleet: z.string(),
  id: z.string(),
  name: text,
  state: z.string(),
  worker: text,
  queue: text,
  args: text,
  kwargs: text,
  result: text,
  exception: text,
  runtime: seconds,
  retries: number,
  eta: text,
  expires: text,
  percent: number,
  seenMs: z.number(),
  changedMs: z.number(),
  sentMs: ms,
  receivedMs: ms,
  startedMs: ms,
  endedMs: ms,
  source: z.enum(['events', 'result', 'queue', 'dead-letter']),
}
/** A task in a list; the compiler checks it against `TaskSummary`, and so on for every page. */
export const Task: z.ZodType<TaskSummary> = z.object(summary)

const Facets = z.array(z.object({ value: z.string(), count: z.number() }))
const Counts = z.record(z.string(), z.number())
const relative = { id: z.string(), name: text, state: z.string() }
const Relative = z.object(relative)

export const TasksData: z.ZodType<TasksPage> = z.object({
  request: z.object({
    q: z.string(),
    before: z.number().exactOptional(),
    after: z.number().exactOptional(),
    limit: z.number(),
  }),
  error: z.object({ message: z.string(), position: z.number(), length: z.number() }).nullable(),
  items: z.array(Task),
  next: number,
  previous: number,
  lookedBackToMs: ms,
  size: z.number(),
  names: Facets,
  states: Facets,
  workers: Facets,
  queues: Facets,
})

export const AllTasksData: z.ZodType<AllTasks> = z.object({
  q: z.string(),
  count: z.number(),
  isExact: z.boolean(),
})

const Entry: z.ZodType<TaskEntry> = z.object({
  ...summary,
  traceback: text,
  clock: z.number(),
  client: text,
  rootId: text,
  parentId: text,
  groupId: text,
  timeline: z.array(
    z.object({
      kind: z.string(),
      ms: z.number(),
      node: text,
      retries: number,
      exception: text,
      percent: number,
    }),
  ),
  untold: z.number(),
})

export const TaskData: z.ZodType<TaskPage> = z.object({
  task: Entry,
  why: z.array(
    z.object({
      kind: z.enum([
        'paused',
        'delayed',
        'no-consumer',
        'no-worker',
        'limited',
        'revoked',
        'breaker',
        'behind',
        'held',
        'worker-lost',
        'unknown',
        'dead',
        'retry-wait',
      ]),
      message: z.string(),
      advice: text,
    }),
  ),
  attempts: z.array(
    z.object({
      number: z.number(),
      worker: text,
      receivedMs: ms,
      startedMs: ms,
      endedMs: ms,
      outcome: z.enum([
        'running',
        'waiting',
        'succeeded',
        'failed',
        'retried',
        'revoked',
        'rejected',
        'lost',
      ]),
      error: text,
      waited: seconds,
      ran: seconds,
    }),
  ),
  result: z.object({ state: z.string(), value: z.string(), traceback: text, dateDone: text }).nullable(),
  queued: z
    .object({
      queue: z.string(),
      state: z.enum(['ready', 'delayed', 'unacked']),
      dueMs: ms,
      waitingSinceMs: ms,
      args: text,
      kwargs: text,
    })
    .nullable(),
  letter: z.object({ id: z.string(), reason: z.string(), failedMs: z.number() }).nullable(),
  parent: Relative.nullable(),
  children: z.array(Relative),
  hasWorkflow: z.boolean(),
  isLost: z.boolean(),
  actions: z.array(
    z.enum([
      'task.retry',
      'task.edit-retry',
      'task.revoke',
      'task.terminate',
      'task.abort',
      'queue.promote',
      'letter.redrive',
    ]),
  ),
  editable: z.object({ args: z.string(), kwargs: z.string() }).nullable(),
})

export const WorkflowsData: z.ZodType<WorkflowsPage> = z.object({
  items: z.array(
    z.object({
      id: z.string(),
      root: Task,
      group: z.array(z.string()).nullable(),
      tasks: z.number(),
      counts: Counts,
    }),
  ),
  next: number,
})

export const WorkflowData: z.ZodType<WorkflowPage> = z.object({
  rootId: z.string(),
  nodes: z.array(
    z.object({
      ...relative,
      layer: z.number(),
      groupId: text,
      runtime: seconds,
      startedMs: ms,
      endedMs: ms,
    }),
  ),
  edges: z.array(z.object({ from: z.string(), to: z.string() })),
  isCut: z.boolean(),
  counts: Counts,
})
