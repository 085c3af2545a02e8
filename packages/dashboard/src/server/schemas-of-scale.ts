import { z } from '@hono/zod-openapi'
import type { QueueScale, ScalePolicy } from 'lovage'
import { number } from './schemas-of-tasks.js'

/** The answer of `/scale`. */
export const Scale: z.ZodType<QueueScale> = z.object({
  queues: z.array(z.string()),
  backlog: z.number(),
  running: z.number(),
  delayed: number,
  oldestAgeSeconds: number,
  desired: z.number(),
  paused: z.array(z.string()),
  slots: z.number(),
  checkedAt: z.string(),
})

/** Its parameters. */
export const SCALE_POLICY: { readonly [Name in keyof Required<ScalePolicy>]: string } = {
  slots: 'tasks that a replica runs at once; default: the worker concurrency of the app',
  target: 'the part of its slots that a replica should have busy; default: 1',
  runtime: 'mean run time of a task, in seconds',
  within: 'with runtime: the backlog should be done within so many seconds; default: 60',
  ahead: 'delayed tasks due within so many seconds count as waiting; default: 0',
  min: 'the fewest replicas; default: 0',
  max: 'the most replicas; default: no limit',
}
