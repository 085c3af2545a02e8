import { createHash } from 'node:crypto'
import { Hono } from 'hono'
import { z } from 'zod'
import { ADMINISTRATION, administer, closeAdministration } from './app/administration.js'
import { database } from './app/application.js'
import { getDeadLetterStats, getDeadLetterTasks, retryDeadLetters } from './app/workers/dead-letter.js'
import {
  getActiveTasks,
  getQueueHealth,
  getTaskStatus,
  getWorkerStats,
  revokeTask,
  TaskQueueMonitor,
} from './app/workers/monitoring.js'
import { app } from './celery_app.js'

const Arguments = z.record(z.string(), z.unknown())
const Ids = z.object({ ids: z.array(z.string()).min(1) })

/**
 * The web application: it sends tasks, tells what became of them, answers load balancers, and lets administrators look and act. Those
 * are known by the token in ADMIN_TOKEN; without one there is no administration.
 */
export const web = new Hono()

web.onError((error, c) => {
  const isTheirs =
    error instanceof z.ZodError ||
    error instanceof SyntaxError ||
    ('code' in error && error.code === 'LVG_TASK_ARGUMENTS')
  if (isTheirs) return c.json({ error: error.message }, 400)
  app.logger.error({ err: error, path: c.req.path }, 'the request failed')
  return c.json({ error: 'The request failed. Try again.' }, 503)
})

web.post('/tasks/:name', async (c) => {
  const task = app.tasks.get(c.req.param('name'))
  if (!task?.name.startsWith('app.'))
    return c.json({ error: `There is no task ${c.req.param('name')}.` }, 404)
  const kwargs = Arguments.parse(await c.req.json())
  // Checked here, so that the caller hears of it.
  await task.bind([], kwargs)
  // A request that got no answer is repeated under its key: then it is the same task, and runs once (see base.ts).
  const key = c.req.header('idempotency-key')
  const taskId = key === undefined ? undefined : idOf(task.name, key, kwargs)
  const { id } = await app.sendTask(task.name, { kwargs, ...(taskId ? { taskId } : {}) })
  return c.json({ task_id: id, status_url: `/tasks/${id}` }, 202)
})
web.get('/tasks/:id', async (c) => {
  const status = await getTaskStatus(c.req.param('id'))
  return c.json(status, status.known ? 200 : 404)
})

web.get('/health/live', (c) => c.json({ status: 'alive' }))
web.get('/health/ready', async (c) => {
  const { status } = await getQueueHealth()
  return c.json({ status }, status === 'unknown' ? 503 : 200)
})
web.get('/health', async (c) => {
  const health = await getQueueHealth()
  return c.json(health, health.status === 'critical' || health.status === 'unknown' ? 503 : 200)
})

web.all(`${ADMINISTRATION}/*`, (c) => administer(c.req.raw))

web.use('/admin/*', async (c, next) => {
  const token = process.env.ADMIN_TOKEN
  if (!token || c.req.header('authorization') !== `Bearer ${token}`)
    return c.json({ error: 'Administrators only.' }, 401)
  return next()
})
web.get('/admin/active', async (c) => c.json(await getActiveTasks()))
web.get('/admin/workers', async (c) => c.json(await getWorkerStats()))
web.get('/admin/performance', async (c) => c.json(await new TaskQueueMonitor().performance()))
web.get('/admin/dead-letters', async (c) =>
  c.json({ stats: await getDeadLetterStats(), tasks: await getDeadLetterTasks() }),
)
web.post('/admin/dead-letters/retry', async (c) => {
  const { ids } = Ids.parse(await c.req.json())
  return c.json({ task_id: (await retryDeadLetters.delay({ ids })).id }, 202)
})
web.post('/admin/tasks/:id/revoke', async (c) => {
  await revokeTask(c.req.param('id'), { terminate: c.req.query('terminate') === 'true' })
  return c.json({ revoked: c.req.param('id') })
})

/** The id of a task that was asked for under a key. With other arguments it is another task: under the same id it would not run. */
const idOf = (task: string, key: string, kwargs: object): string =>
  createHash('sha256')
    .update(JSON.stringify([task, key, kwargs]))
    .digest('hex')
    .slice(0, 32)

/** Ends what requests have opened. */
export async function close(): Promise<void> {
  await closeAdministration()
  await app.close()
  await (await database()).close()
}
