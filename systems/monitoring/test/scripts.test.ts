import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { run } from '../../../test/servers.js'

/** Shows the words that a script starts. */
const start = (name: string, env: Readonly<Record<string, string>>) =>
  run('sh', [fileURLToPath(new URL(`../scripts/${name}`, import.meta.url))], {
    env: { CELERY: 'echo celery', ...env },
  })

test.each([
  [{}, '--loglevel=info --concurrency=4 -Q critical,high,normal,low'],
  [{ CONCURRENCY: '8', LOG_LEVEL: 'debug' }, '--loglevel=debug --concurrency=8 -Q critical,high,normal,low'],
  [{ QUEUES: 'critical', LOG_LEVEL: 'warning' }, '--loglevel=warning --concurrency=4 -Q critical'],
])('the start script of the worker takes %j from the environment', async (env, expected) => {
  const { stdout } = await start('start_celery_worker.sh', env)
  expect(stdout.trim()).toBe(`celery -A consultantos.jobs.celery_app worker ${expected}`)
})

test('the start script of the beat takes its level from the environment', async () => {
  const { stdout } = await start('start_celery_beat.sh', { LOG_LEVEL: 'debug' })
  expect(stdout.trim()).toBe('celery -A consultantos.jobs.celery_app beat --loglevel=debug')
})
