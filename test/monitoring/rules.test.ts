import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { run } from '../servers.js'

const DEPLOY = fileURLToPath(new URL('../../deploy/', import.meta.url))

test('the shipped rules are valid and fire when they say, by promtool', async () => {
  const cwd = `${DEPLOY}prometheus`
  expect(
    await run('promtool', ['check', 'rules', 'prometheus_alerts.yml', 'recording_rules.yml'], { cwd }),
  ).toMatchObject({ code: 0 })
  const tested = await run('promtool', ['test', 'rules', 'rules_test.yml'], { cwd })
  expect(tested.code, tested.stdout + tested.stderr).toBe(0)
})

test('the dashboard asks only for metrics that a worker or the rules have', () => {
  const dashboard = readFileSync(`${DEPLOY}grafana/lovage.json`, 'utf8')
  const names = new Set(dashboard.match(/[\w:]*celery_\w+(?::\w+)?/g))
  expect(names.size).toBeGreaterThan(5)
  for (const name of names) expect(KNOWN, name).toContain(name)
})

const KNOWN = [
  'celery_task_total',
  'celery_task_retries_total',
  'celery_task_duration_seconds_bucket',
  'celery_active_tasks',
  'celery_queue_length',
  'celery_queue_delayed',
  'celery_dead_letter_queue_size',
  'celery_task_success:ratio_5m',
  'task_name:celery_task_duration_seconds:p95_5m',
]
