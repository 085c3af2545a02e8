import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { lovage } from '../../test/cli/command.js'

const SYSTEMS = fileURLToPath(new URL('..', import.meta.url))

test.each([
  ['learning-time', 'lms.celery', ['No store of webhooks is configured']],
  ['webhook-delivery', 'celery_app', ['No store of webhooks is configured']],
  [
    'datacleanup',
    'app.core.celery_app',
    [
      'DATABASE_URL is not set',
      'OPENAI_API_KEY is not set',
      'STRIPE_WEBHOOK_SECRET is not set',
      'SMTP_URL is not set',
    ],
  ],
  ['task-platform', 'celery_app', ['DATABASE_URL is not set', 'SMTP_URL is not set']],
  ['monitoring', 'consultantos.jobs.celery_app', ['No store of webhooks is configured']],
] as const)('%s says what is not set, a line each', { timeout: 60_000 }, async (system, app, missing) => {
  const env = { NODE_ENV: 'production', CELERY_BROKER_URL: 'redis://:secret@127.0.0.1:9/0' }
  const { code, stdout, stderr } = await lovage(['-A', app, 'doctor'], { cwd: `${SYSTEMS}${system}`, env })
  const said = `${stdout}\n${stderr}`
  expect(code).toBe(1)
  for (const what of missing) expect(said.split('\n').filter((line) => line.includes(what))).toHaveLength(1)
  // Each with what to do about it, and nothing of our insides or of a password.
  expect(said).toMatch(/\n {2,}(Check|Give|Set) /)
  expect(said).not.toMatch(/\n\s+at |secret/)
})
