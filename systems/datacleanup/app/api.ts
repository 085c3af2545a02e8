import { createHash, randomUUID } from 'node:crypto'
import { Hono } from 'hono'
import { z } from 'zod'
import { app } from './core/app.js'
import { data } from './core/data.js'
import { ownedBy, Refused } from './core/errors.js'
import { keep, pathOf } from './data/storage.js'
import { processAiRequest } from './tasks/ai-tasks.js'
import { processRefund, receiveStripeEvent } from './tasks/billing-tasks.js'
import { exportData, processFileUpload } from './tasks/data-tasks.js'

const Prompt = z.object({ prompt: z.string().min(1) })
const Refund = z.object({ charge: z.string().startsWith('ch_'), cents: z.number().int().positive() })
const FormatName = z.enum(['csv', 'json', 'xlsx'])

/** The hash under which a token is known. */
export const tokenHash = (token: string): string => createHash('sha256').update(token).digest('hex')

/** The web application: uploads, prompts and refunds of users, and Stripe's webhook. Each call becomes a task. */
export const api = new Hono<{ Variables: { user: number } }>()

api.onError((error, c) => {
  if (error instanceof Refused || error instanceof z.ZodError || error instanceof SyntaxError)
    return c.json({ error: error instanceof z.ZodError ? z.prettifyError(error) : error.message }, 400)
  if ('getResponse' in error && typeof error.getResponse === 'function') return error.getResponse()
  app.logger.error({ err: error, path: c.req.path }, 'the request failed')
  return c.json({ error: 'The request failed; nothing was lost. Try again.' }, 500)
})

api.post('/webhooks/stripe', async (c) => {
  const isNew = await receiveStripeEvent(await c.req.text(), c.req.header('stripe-signature'))
  return c.json({ received: true, new: isNew })
})

api.use('/*', async (c, next) => {
  const [, token] = /^Bearer (\S+)$/.exec(c.req.header('authorization') ?? '') ?? []
  const [user] = token
    ? await (await data()).query('SELECT id FROM users WHERE token_sha256 = $1', [tokenHash(token)])
    : []
  if (!user) return c.json({ error: 'Authentication is required: send Authorization: Bearer TOKEN.' }, 401)
  c.set('user', Number(user.id))
  return next()
})

api.post('/files', async (c) => {
  const { body } = c.req.raw
  if (!body) throw new Refused('The body must be the file, but there is none.')
  const [user, id] = [c.get('user'), randomUUID()]
  const bytes = await keep(pathOf(user, id, 'upload'), body)
  await (await data()).query(
    `INSERT INTO files (id, user_id, name, bytes, state, created_ms) VALUES ($1, $2, $3, $4, 'uploaded', $5)`,
    [id, user, c.req.query('name') ?? 'upload', bytes, app.clock.now()],
  )
  const task = await processFileUpload.delay({ user_id: user, file_id: id })
  return c.json({ file_id: id, bytes, task_id: task.id }, 202)
})

api.get('/files/:id', async (c) => {
  const rows = await (await data()).query('SELECT * FROM files WHERE id = $1', [c.req.param('id')])
  const file = ownedBy(rows[0] as { user_id: number } | undefined, c.get('user'), `file ${c.req.param('id')}`)
  return c.json(file)
})

api.post('/files/:id/exports/:format', async (c) => {
  const format = FormatName.parse(c.req.param('format'))
  const task = await exportData.delay({ user_id: c.get('user'), file_id: c.req.param('id'), format })
  return c.json({ task_id: task.id }, 202)
})

api.post('/prompts', async (c) => {
  const { prompt } = Prompt.parse(await c.req.json())
  const task = await processAiRequest.delay({ user_id: c.get('user'), prompt })
  return c.json({ task_id: task.id }, 202)
})

api.post('/refunds', async (c) => {
  const { charge, cents } = Refund.parse(await c.req.json())
  // The caller's word for its request; said again it is the same refund. Another user's same word is another request.
  const key = c.req.header('idempotency-key')
  const user = c.get('user')
  const id = key === undefined ? randomUUID() : `${user}:${key}`
  const db = await data()
  await db.query(
    `INSERT INTO refunds (id, user_id, charge, cents, state) VALUES ($1, $2, $3, $4, 'requested') ON CONFLICT (id) DO NOTHING`,
    [id, user, charge, cents],
  )
  const [kept] = await db.query('SELECT charge, cents FROM refunds WHERE id = $1', [id])
  if (kept?.charge !== charge || Number(kept.cents) !== cents)
    throw new Refused(
      `The idempotency key ${JSON.stringify(key)} was used for a refund of ${kept?.cents} cents of ${kept?.charge}. Use a new key for another refund.`,
    )
  const task = await processRefund.delay({ user_id: user, refund_id: id })
  return c.json({ refund_id: id, task_id: task.id }, 202)
})

/** Ends what requests have opened. */
export async function close(): Promise<void> {
  await app.close()
  await (await data()).close()
}
