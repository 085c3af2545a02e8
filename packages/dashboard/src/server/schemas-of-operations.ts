import { z } from '@hono/zod-openapi'
import type {
  AuditPage,
  BrokerPage,
  JobLine,
  LetterPage,
  LettersPage,
  LimitsPage,
  SchedulesPage,
} from '../data/operations-pages.js'
import type { Overview } from '../data/overview.js'
import type { QueuePage, QueuesPage } from '../data/queues-page.js'
import type { WorkerPage, WorkersPage } from '../data/workers-page.js'
import { ms, number, seconds, text } from './schemas-of-tasks.js'

const Unknowns = z.record(z.string(), z.unknown())
const Texts = z.array(z.string())

const Queue = z.object({
  name: z.string(),
  ready: z.number(),
  delayed: number,
  unacked: number,
  dead: z.number(),
  isPaused: z.boolean(),
  consumers: number,
})

export const OverviewData: z.ZodType<Overview> = z.object({
  stuck: z.array(
    z.object({
      severity: z.enum(['critical', 'warning']),
      message: z.string(),
      at: z.object({
        page: z.enum([
          'queue',
          'queues',
          'tasks',
          'task',
          'worker',
          'workers',
          'schedules',
          'dead-letters',
          'limits',
        ]),
        of: text,
      }),
    }),
  ),
  queues: z.object({
    count: z.number(),
    ready: z.number(),
    delayed: number,
    unacked: number,
    dead: z.number(),
    top: z.array(Queue),
  }),
  workers: z.object({ alive: z.number(), lost: Texts, active: z.number() }),
  throughput: z.array(
    z.object({
      ms: z.number(),
      received: z.number(),
      succeeded: z.number(),
      failed: z.number(),
      retried: z.number(),
      meanRuntime: seconds,
    }),
  ),
  failures: z.array(z.object({ type: z.string(), count: z.number() })),
  names: z.array(
    z.object({ name: z.string(), succeeded: z.number(), failed: z.number(), meanRuntime: seconds }),
  ),
})

export const QueuesData: z.ZodType<QueuesPage> = z.object({
  q: z.string(),
  sort: z.enum(['ready', 'name']),
  items: z.array(Queue),
  count: z.number(),
  next: number,
})

const Place = z.enum(['ready', 'delayed', 'unacked'])

export const QueueData: z.ZodType<QueuePage> = z.object({
  line: Queue,
  workers: Texts,
  oldestSeconds: number,
  priorities: z.array(z.object({ priority: number, count: z.number() })).nullable(),
  priorityOf: z.number(),
  state: Place.nullable(),
  items: z
    .array(
      z.object({
        id: z.string(),
        name: text,
        state: Place,
        args: z.string(),
        kwargs: z.string(),
        retries: z.number(),
        origin: z.string(),
        priority: number,
        dueMs: ms,
        waitingSinceMs: ms,
      }),
    )
    .nullable(),
  next: text,
  others: Texts,
})

const Worker = z.object({
  hostname: z.string(),
  state: z.enum(['alive', 'offline', 'lost']),
  software: z.string(),
  pid: number,
  active: z.number(),
  processed: z.number(),
  loadavg: z.array(z.number()),
  seenMs: z.number(),
  tellsOfTasks: z.boolean().nullable(),
  queues: Texts.nullable(),
  pool: text,
  concurrency: number,
})

export const WorkersData: z.ZodType<WorkersPage> = z.object({ items: z.array(Worker) })

const Held = z
  .array(
    z.object({
      id: z.string(),
      name: z.string(),
      args: z.string(),
      kwargs: z.string(),
      startedMs: ms,
      dueMs: ms,
      queue: text,
    }),
  )
  .nullable()

export const WorkerData: z.ZodType<WorkerPage> = z.object({
  line: Worker,
  stats: Unknowns.nullable(),
  registered: Texts.nullable(),
  activeQueues: z.array(Unknowns).nullable(),
  conf: Unknowns.nullable(),
  active: Held,
  reserved: Held,
  scheduled: Held,
  revoked: Texts.nullable(),
})

export const SchedulesData: z.ZodType<SchedulesPage> = z.object({
  location: text,
  trouble: text,
  items: z.array(
    z.object({
      name: z.string(),
      task: z.string(),
      schedule: z.string(),
      timezone: z.string(),
      enabled: z.boolean(),
      source: z.enum(['code', 'operator']),
      changed: Texts,
      trouble: text,
      nextMs: ms,
      lastRunMs: ms,
      lastTaskId: text,
      lastState: text,
      owedSinceMs: ms,
      runs: z.number(),
      args: z.string(),
      kwargs: z.string(),
      queue: text,
    }),
  ),
})

const Letter = z.object({
  id: z.string(),
  taskId: text,
  task: text,
  queue: z.string(),
  reason: z.string(),
  errorType: z.string(),
  errorMessage: z.string(),
  retries: z.number(),
  worker: z.string(),
  failedMs: z.number(),
})

export const LettersData: z.ZodType<LettersPage> = z.object({
  request: z.object({
    queue: z.string().exactOptional(),
    task: z.string().exactOptional(),
    reason: z.string().exactOptional(),
    failedBeforeMs: z.number().exactOptional(),
    after: z.string().exactOptional(),
    limit: z.number(),
  }),
  items: z.array(Letter),
  next: text,
  groups: z.array(
    z.object({
      task: text,
      reason: z.string(),
      errorType: z.string(),
      count: z.number(),
      newestMs: z.number(),
    }),
  ),
  groupsOf: z.number(),
  byQueue: z.array(z.object({ queue: z.string(), count: z.number() })),
})

export const LetterData: z.ZodType<LetterPage> = z.object({
  line: Letter,
  traceback: text,
  attempts: z.array(z.object({ atMs: ms, type: z.string(), message: z.string(), traceback: text })),
  redrives: z.number(),
  args: text,
  kwargs: text,
  unreadable: text,
})

export const LimitsData: z.ZodType<LimitsPage> = z.object({
  paused: Texts,
  rates: z.array(z.object({ task: z.string(), rate: z.string() })).nullable(),
  breakers: z
    .array(
      z.object({
        key: z.string(),
        task: z.string(),
        state: z.enum(['open', 'half-open']),
        untilMs: z.number(),
      }),
    )
    .nullable(),
  tasks: z.array(
    z.object({
      name: z.string(),
      rateLimit: text,
      concurrency: text,
      timeLimit: number,
      softTimeLimit: number,
    }),
  ),
})

export const BrokerData: z.ZodType<BrokerPage> = z.object({
  kind: text,
  location: text,
  capabilities: Unknowns.nullable(),
  advice: Texts,
  results: z.object({ kind: z.string(), location: z.string() }).nullable(),
  history: z.object({ location: z.string(), tasks: z.number(), oldestMs: ms }),
  events: z.object({
    received: z.number(),
    unreadable: z.number(),
    dropped: z.number(),
    perSecond: z.number(),
  }),
})

export const AuditData: z.ZodType<AuditPage> = z.object({
  items: z.array(
    z.object({
      key: z.number(),
      ms: z.number(),
      person: z.string(),
      role: z.enum(['viewer', 'operator', 'admin']),
      action: z.string(),
      target: z.string(),
      count: number,
      outcome: z.enum(['done', 'failed', 'refused', 'invalid', 'begun']),
      details: z.string(),
    }),
  ),
  next: number,
})

export const JobsData: z.ZodType<readonly JobLine[]> = z.array(
  z.object({
    id: z.string(),
    fleet: z.string(),
    action: z.string(),
    target: z.string(),
    person: z.string(),
    startedMs: z.number(),
    endedMs: ms,
    state: z.enum(['running', 'done', 'failed', 'stopped', 'interrupted']),
    expected: z.number(),
    done: z.number(),
    failed: z.number(),
    error: text,
  }),
)
