import { expect, test } from 'vitest'
import { makeProject } from '../loader/project.js'
import { run, startRedis } from '../servers.js'

test('a program whose Redis freezes under a call stays alive until the call is answered, and sends once', async () => {
  await using redis = await startRedis()
  using shop = makeProject({
    'package.json': '{"type":"module"}',
    'send.js': `import { Lovage } from 'lovage'
      import { once } from 'node:events'
      import { connect } from 'node:net'
      const app = new Lovage('shop', {
        broker: ${JSON.stringify(redis.url)}, backend: 'disabled://', redisSocketTimeout: 1, brokerConnectionTimeout: 1,
      })
      const task = app.task({ name: 't', run: () => 1 })
      await task.delay()
      // Every command of every client waits, as with a machine that is frozen.
      const { hostname, port } = new URL(${JSON.stringify(redis.url)})
      const client = connect(Number(port), hostname).end('CLIENT PAUSE 3000 ALL\\r\\n')
      await once(client, 'data')
      await task.delay()
      const [queue] = await app.queues.report(['celery'])
      console.log('ready', queue.ready)
      await app.close()`,
  })
  const said = await run(process.execPath, ['send.js'], { cwd: shop.folder })
  expect(said).toMatchObject({ code: 0, stdout: 'ready 2\n' })
})
