import { z } from '@hono/zod-openapi'
import type { Role } from '../access/person.js'

const Name = z.string().min(1).max(256)
/** The target tasks: some by id, or everything that a search finds. */
const Tasks = z.union([
  z.strictObject({ ids: z.array(Name).min(1).max(1000) }),
  z.strictObject({ search: z.string().max(2048), expected: z.int().min(0) }),
])
/** The target letters: some by id, or all that match the conditions. */
const Letters = z.union([
  z.strictObject({ ids: z.array(Name).min(1).max(1000) }),
  z.strictObject({
    filter: z.strictObject({
      queue: Name.optional(),
      task: Name.optional(),
      reason: Name.optional(),
      failedBeforeMs: z.int().optional(),
    }),
    expected: z.int().min(0),
  }),
])
const worker = { destination: Name.optional() }
const queue = { queue: Name }
const entry = { entry: Name }
const tenant = { tenant: Name.optional() }

/** Every dashboard action, in its HTTP form. */
export const Action = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('task.retry'), tasks: Tasks }),
  z.strictObject({
    kind: z.literal('task.edit-retry'),
    id: Name,
    /** JSON; integers of any size stay exact. */
    args: z.string().max(1_000_000),
    kwargs: z.string().max(1_000_000),
    queue: Name.optional(),
  }),
  z.strictObject({ kind: z.literal('task.revoke'), tasks: Tasks }),
  z.strictObject({
    kind: z.literal('task.terminate'),
    tasks: Tasks,
    signal: z
      .string()
      .regex(/^SIG[A-Z0-9]+$/)
      .optional(),
  }),
  z.strictObject({ kind: z.literal('task.abort'), tasks: Tasks }),
  z.strictObject({ kind: z.literal('queue.pause'), ...queue }),
  z.strictObject({ kind: z.literal('queue.resume'), ...queue }),
  z.strictObject({ kind: z.literal('queue.purge'), ...queue, expected: z.int().min(0) }),
  z.strictObject({ kind: z.literal('queue.move'), ...queue, to: Name, expected: z.int().min(0) }),
  z.strictObject({ kind: z.literal('queue.promote'), ids: z.array(Name).min(1).max(1000) }),
  z.strictObject({ kind: z.literal('queue.remove'), ids: z.array(Name).min(1).max(1000) }),
  z.strictObject({ kind: z.literal('schedule.run'), ...entry }),
  z.strictObject({ kind: z.literal('schedule.enable'), ...entry }),
  z.strictObject({ kind: z.literal('schedule.disable'), ...entry }),
  z.strictObject({
    kind: z.literal('letter.redrive'),
    letters: Letters,
    queue: Name.optional(),
    rate: z.number().positive().optional(),
  }),
  z.strictObject({
    kind: z.literal('letter.edit'),
    id: Name,
    args: z.string().max(1_000_000),
    kwargs: z.string().max(1_000_000),
  }),
  z.strictObject({ kind: z.literal('letter.purge'), letters: Letters }),
  z.strictObject({ kind: z.literal('worker.shutdown'), destination: Name }),
  z.strictObject({ kind: z.literal('worker.pool-restart'), destination: Name }),
  z.strictObject({ kind: z.literal('worker.pool-grow'), destination: Name, n: z.int().min(1).max(1000) }),
  z.strictObject({ kind: z.literal('worker.pool-shrink'), destination: Name, n: z.int().min(1).max(1000) }),
  z.strictObject({
    kind: z.literal('worker.autoscale'),
    destination: Name,
    min: z.int().min(0),
    max: z.int().min(0),
  }),
  z.strictObject({ kind: z.literal('worker.add-consumer'), destination: Name, ...queue }),
  z.strictObject({ kind: z.literal('worker.cancel-consumer'), destination: Name, ...queue }),
  // A rate is the cluster's.
  z.strictObject({ kind: z.literal('limit.rate'), task: Name, rate: z.string().max(32) }),
  z.strictObject({
    kind: z.literal('limit.time'),
    task: Name,
    hard: z.number().positive().optional(),
    soft: z.number().positive().optional(),
    ...worker,
  }),
  z.strictObject({ kind: z.literal('fleet.enable-events'), ...worker }),
  z.strictObject({ kind: z.literal('fleet.disable-events'), ...worker }),
  z.strictObject({ kind: z.literal('webhook.replay'), ids: z.array(Name).min(1).max(1000), ...tenant }),
  z.strictObject({
    kind: z.literal('webhook.replay-all'),
    endpoint: Name,
    /** Deliveries since then, Unix ms. */
    sinceMs: z.int().min(0),
    ...tenant,
  }),
  z.strictObject({ kind: z.literal('webhook.cancel'), id: Name, ...tenant }),
  z.strictObject({ kind: z.literal('webhook.enable'), endpoint: Name, ...tenant }),
  z.strictObject({ kind: z.literal('webhook.disable'), endpoint: Name, ...tenant }),
  z.strictObject({ kind: z.literal('job.stop'), id: Name }),
])
export type Action = z.infer<typeof Action>
export type ActionKind = Action['kind']

/** The role required for each action. */
export const ROLE_OF: Readonly<Record<ActionKind, Role>> = {
  'task.retry': 'operator',
  'task.edit-retry': 'operator',
  'task.revoke': 'operator',
  'task.terminate': 'operator',
  'task.abort': 'operator',
  'queue.pause': 'operator',
  'queue.resume': 'operator',
  'queue.purge': 'admin',
  'queue.move': 'admin',
  'queue.promote': 'operator',
  'queue.remove': 'operator',
  'schedule.run': 'operator',
  'schedule.enable': 'operator',
  'schedule.disable': 'operator',
  'letter.redrive': 'operator',
  'letter.edit': 'operator',
  'letter.purge': 'admin',
  'worker.shutdown': 'admin',
  'worker.pool-restart': 'admin',
  'worker.pool-grow': 'admin',
  'worker.pool-shrink': 'admin',
  'worker.autoscale': 'admin',
  'worker.add-consumer': 'admin',
  'worker.cancel-consumer': 'admin',
  'limit.rate': 'admin',
  'limit.time': 'admin',
  'fleet.enable-events': 'operator',
  'fleet.disable-events': 'operator',
  'webhook.replay': 'operator',
  'webhook.replay-all': 'operator',
  'webhook.cancel': 'operator',
  'webhook.enable': 'operator',
  'webhook.disable': 'operator',
  'job.stop': 'operator',
}
