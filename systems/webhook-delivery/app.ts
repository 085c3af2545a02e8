import { Lovage } from 'lovage'

const { CELERY_BROKER_URL, REDIS_HOST = 'psra-redis', REDIS_PORT = '6379', REDIS_DB = '0' } = process.env

/** The app: messages on Redis, four tasks at once in children that are replaced after a thousand tasks, limits of five and four minutes. */
export const app = new Lovage('psra', {
  broker: CELERY_BROKER_URL ?? `redis://${REDIS_HOST}:${REDIS_PORT}/${REDIS_DB}`,
  workerConcurrency: 4,
  workerMaxTasksPerChild: 1000,
  workerPrefetchMultiplier: 1,
  taskTimeLimit: 300,
  taskSoftTimeLimit: 240,
  taskAcksLate: true,
})
