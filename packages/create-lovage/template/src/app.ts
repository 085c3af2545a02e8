import { Lovage } from 'lovage'

/** Without CELERY_BROKER_URL the broker is an embedded SQLite file, .lovage/queue.db; in production one must be set. */
export const app = new Lovage('{{APP}}', {
  timezone: 'UTC',
  taskTimeLimit: 300, // seconds after which a task that hangs is ended
})
