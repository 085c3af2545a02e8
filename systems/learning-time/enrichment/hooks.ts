import { webhooks } from '@lovage/webhooks'
import { app } from '../lms/app.js'

/** The type under which endpoints take completions. */
export const COMPLETION = 'course.completion'

/** The delivery of webhooks: signed, retried, limited by endpoint. It has the default queue; the warehouse never stands in its way. */
export const hooks = webhooks(app, {
  ...(process.env.DATABASE_URL ? { store: process.env.DATABASE_URL } : {}),
  queue: 'celery',
  allowHttp: process.env.ALLOW_HTTP === '1',
  allowedCidrs: (process.env.ALLOWED_CIDRS ?? '').split(',').filter((range) => range !== ''),
})
