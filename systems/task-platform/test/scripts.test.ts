import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { run } from '../../../test/servers.js'

const folder = new URL('../scripts/', import.meta.url)
const SCRIPT = fileURLToPath(new URL('run-celery.sh', folder))
/** Shows the words that the script starts. */
const start = (...words: readonly string[]) =>
  run('sh', [SCRIPT, ...words], { env: { CELERY: 'echo celery' } })

test.each([
  [[], 'celery -A celery_app worker --loglevel=info --concurrency=1 --hostname=all@%h'],
  [
    ['--worker-type', 'billing', '--log-level', 'debug'],
    'celery -A celery_app worker --loglevel=debug --concurrency=1 --hostname=billing@%h -Q billing',
  ],
  [
    ['--beat', '--mode', 'production'],
    'celery -A celery_app worker --loglevel=info --concurrency=4 --hostname=all@%h --beat',
  ],
])('the start script with %j starts its worker', async (words, expected) => {
  expect((await start(...words)).stdout.trim()).toBe(expected)
})

test.each([
  [['--worker-type', 'sms'], 'there is no worker type sms'],
  [['--mode', 'fast'], '--mode is development or production, not fast'],
  [['--queue', 'billing'], 'unknown option --queue'],
  [['--log-level'], '--log-level wants a value'],
])('the start script refuses %j with one line', async (words, message) => {
  expect(await start(...words)).toMatchObject({ code: 64, stderr: expect.stringContaining(message) })
})

test('its twin for PowerShell has the same options, values and words', () => {
  const [twin, script] = ['run-celery.ps1', 'run-celery.sh'].map((name) =>
    readFileSync(new URL(name, folder), 'utf8'),
  )
  const options = [...String(script).matchAll(/--[\w-]+(?= \||\))/g)].map(([option]) =>
    option.replace(/-+(\w)/g, (_, first) => first.toUpperCase()),
  )
  expect(new Set(options)).toEqual(new Set(['WorkerType', 'LogLevel', 'Mode', 'Beat']))
  for (const option of options) expect(twin).toMatch(new RegExp(`\\[(string|switch)\\] \\$${option}\\b`))
  expect(twin).toContain(`ValidateSet('all', 'default', 'billing', 'kyb', 'notifications', 'dead_letter')`)
  for (const word of ['celery_app', 'worker', '--loglevel=', '--concurrency=', '--hostname=', '--beat', '-Q'])
    expect([twin?.includes(word), script?.includes(word)], word).toEqual([true, true])
})
