import { randomUUID } from 'node:crypto'
import { Hono } from 'hono'
import { getQueueHealth, isLovageError } from 'lovage'
import { z } from 'zod'
import { data } from './consultantos/data.js'
import { app, PRIORITY } from './consultantos/jobs/app.js'
import { checkMonitorTask } from './consultantos/jobs/tasks.js'
import { Unfit } from './consultantos/pages/fetch-page.js'
import { addMonitor, monitorOf } from './consultantos/pages/monitor.js'

const NewMonitor = z.object({
  /** The caller's own, so that a request that got no answer can be repeated. */
  id: z.uuid().optional(),
  name: z.string().min(1),
  url: z.url(),
  every_s: z.number().int().positive().default(300),
  channels: z.array(z.string()).default([]),
})
const Call = z.object({
  args: z.array(z.unknown()).default([]),
  kwargs: z.record(z.string(), z.unknown()).default({}),
  countdown: z.number().nonnegative().optional(),
  queue: z.enum(['critical', 'high', 'normal', 'low']).optional(),
  priority: z.number().int().min(0).max(10).optional(),
})

/** The web application: monitors and what they saw, checks at a user's word, and tasks by name. */
export const api = new Hono()

api.onError((error, c) => {
  const isTheirs = error instanceof Unfit || error instanceof z.ZodError || error instanceof SyntaxError
  if (isTheirs || (isLovageError(error) && error.code === 'LVG_TASK_ARGUMENTS'))
    return c.json({ error: error.message }, 400)
  app.logger.error({ err: error, path: c.req.path }, 'the request failed')
  return c.json({ error: 'The request failed. Try again.' }, 503)
})

api.post('/api/monitors', async (c) => {
  const monitor = withId(NewMonitor.parse(await c.req.json()))
  await addMonitor(await data(), monitor, app.clock.now())
  return c.json(monitor, 201)
})
/** A user wants to know now: this overtakes all that waits, on the queue that is read first. */
api.post('/api/monitors/:id/check', async (c) => {
  const { id } = await monitorOf(c.req.param('id'))
  const task = await checkMonitorTask.applyAsync(
    { monitor_id: id },
    { queue: 'critical', priority: PRIORITY.critical },
  )
  return c.json({ task_id: task.id }, 202)
})
api.get('/api/monitors/:id/snapshots', async (c) => {
  const db = await data()
  const { id } = await monitorOf(c.req.param('id'))
  return c.json(
    await db.query(
      'SELECT taken_ms, status, duration_ms, bytes, changed, difference FROM snapshots WHERE monitor_id = $1 ORDER BY taken_ms DESC LIMIT 100',
      [id],
    ),
  )
})

api.post('/api/task/async-apply/:name', async (c) => {
  const { args, kwargs, ...options } = Call.parse(await c.req.json())
  const task = app.tasks.get(c.req.param('name'))
  if (!task?.name.startsWith('consultantos.'))
    return c.json({ error: `There is no task ${c.req.param('name')}.` }, 404)
  await task.bind(args, kwargs)
  const said = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined))
  const { id } = await app.sendTask(task.name, { args, kwargs, ...said })
  return c.json({ 'task-id': id, state: 'PENDING' }, 202)
})
api.get('/api/task/result/:id', async (c) => {
  const result = app.asyncResult(c.req.param('id'))
  const state = await result.state()
  return c.json({
    'task-id': result.id,
    state,
    ...(state === 'SUCCESS' ? { result: await result.get({ timeout: 1 }) } : {}),
  })
})
/** Answers on `$PORT`, which Cloud Run wants of every container. */
api.get('/health', async (c) => {
  const health = await getQueueHealth(app)
  return c.json(health, health.status === 'critical' || health.status === 'unknown' ? 503 : 200)
})

const withId = ({ id, ...monitor }: z.infer<typeof NewMonitor>) => ({ id: id ?? randomUUID(), ...monitor })

/** Ends what requests have opened. */
export async function close(): Promise<void> {
  await app.close()
  await (await data()).close()
}
