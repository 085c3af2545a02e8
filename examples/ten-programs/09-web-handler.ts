import { Hono } from 'hono'
import { deliver } from './08-schema.js'

export const web = new Hono()

web.post('/events', async (c) => {
  const result = await deliver.delay({ webhook_id: 7, event_data: await c.req.json() })
  return c.json({ id: result.id }, 202) // the broker has the message: it will not be lost
})

web.get('/tasks/:id', async (c) => {
  const result = deliver.asyncResult(c.req.param('id'))
  return c.json({ state: await result.state() })
})
