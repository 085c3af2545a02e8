import { Redis } from 'ioredis'
import { broadcast, Lovage, workerDirect } from 'lovage'
import { startTestWorker, until } from 'lovage/testing'
import { expect, test } from 'vitest'
import { pythonCelery, startRedis } from '../servers.js'

test('broadcasts and queues of single workers are shared with Python', { timeout: 90_000 }, async () => {
  await using redis = await startRedis({})
  const url = `${redis.url}/0`
  await using python = await pythonCelery({
    broker: url,
    backend: url,
    source: `
      from kombu import Queue
      from kombu.common import Broadcast
      app.conf.task_queues = [Queue('py'), Broadcast('reload')]
      app.conf.task_default_queue = 'py'
      app.conf.worker_direct = True
      @app.task(name='note')
      def note(what):
          app.backend.client.rpush('notes', 'python ' + what)`,
  })
  await using app = new Lovage('routing', {
    broker: url,
    backend: url,
    env: {},
    workerDirect: true,
    // The key that both give to a queue that names none.
    taskDefaultQueue: 'ts',
    taskDefaultRoutingKey: 'py',
    taskQueues: [broadcast('reload')],
  })
  const ran: string[] = []
  app.task({ name: 'note', run: (_ctx, what: string) => void ran.push(`typescript ${what}`) })
  await using _worker = await startTestWorker(app, { hostname: 'ts@box' })
  const client = new Redis(url)
  const all = async () => [...(await client.lrange('notes', 0, -1)), ...ran].toSorted()

  await app.sendTask('note', { args: ['from ts'], queue: 'reload' })
  await until(async () => (await all()).length === 2, { timeoutMs: 20_000 })
  expect(await all()).toEqual(['python from ts', 'typescript from ts'])

  // A Python producer takes an exchange that its connection has not declared for a direct one, which has no queue to give it to.
  await python.run(`
with app.connection() as connection:
    app.amqp.queues['reload'].exchange(connection.default_channel).declare()
    app.send_task('note', args=['from python'], queue='reload', connection=connection)`)
  await until(async () => (await all()).length === 4, { timeoutMs: 20_000 })
  expect((await all()).filter((line) => line.endsWith('from python'))).toHaveLength(2)

  await app.sendTask('note', { args: ['direct'], queue: workerDirect(python.nodeName) })
  await python.run(`
from celery.utils.nodenames import worker_direct
app.send_task('note', args=['direct'], queue=worker_direct('ts@box'))`)
  await until(async () => (await all()).length === 6, { timeoutMs: 20_000 })
  expect((await all()).filter((line) => line.endsWith('direct'))).toEqual([
    'python direct',
    'typescript direct',
  ])
  client.disconnect()
})
