import { createSqsServer } from 'local-aws-sqs'
import { Lovage, startWorker } from 'lovage'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { freePort, type RedisServer, runPython, startRedis } from '../servers.js'

vi.setConfig({ testTimeout: 60_000 })

// Debian's boto3 speaks the older of SQS's two protocols, which this emulator knows and the one of the other tests does not. It refuses
// the requests that a Python worker's event loop signs by itself, so kombu receives here without one.
let emulator: Awaited<ReturnType<typeof createSqsServer>>
let redis: RedisServer
let app: Lovage
let python: Parameters<typeof runPython>[1]

const SOURCE = `
  app.conf.broker_transport_options = {'region': 'us-east-1', 'queue_name_prefix': 'shop.', 'wait_time_seconds': 1, 'is_secure': False}
`

beforeAll(async () => {
  const port = await freePort()
  ;[redis, emulator] = await Promise.all([
    startRedis(),
    createSqsServer({ port, hostname: '127.0.0.1', region: 'us-east-1' }),
  ])
  const broker = `sqs://test:test@127.0.0.1:${port}`
  app = new Lovage('shop', {
    broker,
    backend: redis.url,
    coordinationUrl: redis.url,
    taskDefaultQueue: 'node.tasks',
    brokerTransportOptions: { region: 'us-east-1', queue_name_prefix: 'shop.' },
    env: {},
  })
  python = { broker, backend: redis.url, source: SOURCE }
})
afterAll(async () => {
  await app?.close()
  await redis?.stop()
  await new Promise((resolve) => (emulator ? emulator.close(resolve) : resolve(undefined)))
})

test('kombu reads and acknowledges what we send', async () => {
  const add = app.remote<[text: string, y: number], number>({
    name: 'py.add',
    options: { queue: 'py.tasks' },
  })
  const { id } = await add.delay('é', 10)
  const said = await runPython(
    `
with app.connection() as connection, connection.SimpleQueue('py.tasks') as queue:
    message = queue.get(timeout=10)
    print(message.headers['task'], message.headers['id'], message.content_type, message.payload[0])
    message.ack()
    print(queue.qsize())
`,
    python,
  )
  expect(said.trim().split('\n')).toEqual([`py.add ${id} application/json ['é', 10]`, '0'])
})

test('we run what Python sends', async () => {
  app.task({ name: 'node.repeat', run: (_ctx, text: string, times: number) => text.repeat(times) })
  await using _worker = await startWorker(app, { concurrency: 2 })
  const said = await runPython(
    `
sent = [app.send_task('node.repeat', ['é', n], queue='node.tasks') for n in (1, 2, 3)]
print([one.get(timeout=30) for one in sent])
`,
    python,
  )
  expect(said.trim()).toBe("['é', 'éé', 'ééé']")
})
