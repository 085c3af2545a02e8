import { expect, test } from 'vitest'
import { Redis } from 'ioredis'
import { startWorker } from 'lovage'
import { createTestApp, until } from 'lovage/testing'
import { startRedis } from './servers.js'
test('stop and start', async () => {
  const redis = await startRedis()
  const r = new Redis(redis.url)
  const runs = new Map<string, number>()
  const pub = createTestApp('pub', { broker: redis.url, backend: redis.url })
  let sent = 0
  for (let round = 0; round < 12; round++) {
    const app = createTestApp('a', { broker: redis.url, backend: redis.url, logger: { debug(){}, info(){}, warn(f: object, m: string){ console.log(m, JSON.stringify(f)) }, error(f: object, m: string){ console.log(m, f) }, child() { return this } } as never })
    app.task({ name: 't', run: (_c, n: string) => { runs.set(n, (runs.get(n) ?? 0) + 1) } })
    const w = await startWorker(app, { concurrency: 1 + (round % 3), queues: ['celery'] })
    const ids: string[] = []
    for (let i = 0; i < 5; i++) { await pub.sendTask('t', { args: [`m${sent}`], ...(i % 2 ? { priority: 0 } : {}) }); ids.push(`m${sent++}`) }
    await until(() => runs.has(ids[0] ?? ''))
    await w.stop()
    await app.close()
    const left = await r.hlen('unacked')
    if (left) console.log('round', round, 'unacked after stop', left, await r.hkeys('unacked'), [...runs].filter(([,n])=>n>1))
  }
  const app = createTestApp('a', { broker: redis.url, backend: redis.url, logger: { debug(){}, info(){}, warn(f: object, m: string){ console.log(m, JSON.stringify(f)) }, error(f: object, m: string){ console.log(m, f) }, child() { return this } } as never })
  app.task({ name: 't', run: (_c, n: string) => { runs.set(n, (runs.get(n) ?? 0) + 1) } })
  const w = await startWorker(app, { queues: ['celery'] })
  await until(() => runs.size === sent)
  await w.stop(); await app.close(); await pub.close()
  console.log('twice', [...runs].filter(([, n]) => n > 1).length, 'unacked', await r.hlen('unacked'))
  r.disconnect(); await redis.stop()
  expect(runs.size).toBe(sent)
}, 60000)
