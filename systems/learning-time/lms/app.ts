import { Lovage } from 'lovage'

/** The task and its queue, under their full names. */
export const TASK = 'channel_integrations.integrated_channel.tasks.enrich_and_send_completion_webhook'
export const QUEUE = 'edx.lms.core.webhook_enrichment'

const { CELERY_BROKER_URL } = process.env

/** The app. The enrichment of completions has a queue of its own, so that a slow warehouse holds nothing else up. */
export const app = new Lovage('lms', {
  ...(CELERY_BROKER_URL ? { broker: CELERY_BROKER_URL } : {}),
  taskQueues: ['celery', QUEUE],
  taskDefaultQueue: 'celery',
  taskRoutes: { [TASK]: { queue: QUEUE } },
  taskTrackStarted: true,
  // A warehouse may count in more than 2^53.
  integers: 'bigint',
})
