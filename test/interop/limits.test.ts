import { expect, test } from 'vitest'
import { Command } from '../cli/command.js'
import { makeProject } from '../loader/project.js'
import { runPython, startRedis } from '../servers.js'

const APP = `
import { setTimeout as sleep } from 'node:timers/promises'
import { Lovage } from 'lovage'
export const app = new Lovage('limits')
app.task({ name: 'limits.busy', run: () => { for (;;); } })
app.task({ name: 'limits.wait', run: (ctx) => sleep(30_000, undefined, { signal: ctx.signal }) })
app.task({ name: 'limits.quit', run: () => process.exit(9) })
`
const CALLS = `
import json
def end(name, **options):
    try:
        return app.send_task(name, **options).get(timeout=30)
    except Exception as error:
        return [type(error).__module__, type(error).__name__, str(error)]
print(json.dumps([
    end('limits.busy', time_limit=1),
    end('limits.wait', soft_time_limit=0.3),
    end('limits.quit'),
]))
`

test('limits that Python sets hold here, and Python raises its own errors for what they ended', {
  timeout: 90_000,
}, async () => {
  using shop = makeProject({ 'package.json': '{"name":"limits","type":"module"}', 'app.ts': APP })
  await using redis = await startRedis({})
  const env = { CELERY_BROKER_URL: `${redis.url}/0` }
  const args = ['-A', 'app', 'worker', '-l', 'info', '-P', 'prefork', '-c', '2']
  await using worker = new Command(args, { cwd: shop.folder, env })
  await worker.says(/ ready/)
  const url = `${redis.url}/0`
  const said = JSON.parse(await runPython(CALLS, { broker: url, backend: url })) as unknown
  expect(said).toEqual([
    ['billiard.exceptions', 'TimeLimitExceeded', expect.stringContaining('ran longer than 1 s')],
    ['billiard.exceptions', 'SoftTimeLimitExceeded', expect.stringContaining('ran longer than 0.3 s')],
    ['billiard.exceptions', 'WorkerLostError', expect.stringContaining('limits.quit')],
  ])
})
