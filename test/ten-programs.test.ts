import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type Lovage, Retry } from 'lovage'
import { createTestApp, runTask, startTestWorker } from 'lovage/testing'
import { afterEach, describe, expect, test } from 'vitest'
import * as task from '../examples/ten-programs/01-task.js'
import * as named from '../examples/ten-programs/02-named-arguments.js'
import * as retries from '../examples/ten-programs/03-retries.js'
import * as python from '../examples/ten-programs/04-python.js'
import * as results from '../examples/ten-programs/05-result.js'
import * as routing from '../examples/ten-programs/06-routing.js'
import * as eta from '../examples/ten-programs/07-eta.js'
import * as schema from '../examples/ten-programs/08-schema.js'
import { web } from '../examples/ten-programs/09-web-handler.js'
import { coreOf } from '../packages/lovage/src/app/core/index.js'

const opened: Lovage[] = []
const inMemory = (app: Lovage, name: string): Lovage => {
  opened.push(app)
  return app.configFromObject({ brokerUrl: `memory://${name}` })
}
afterEach(async () => {
  await Promise.all(opened.splice(0).map((app) => app.close()))
})

describe('the ten programs', () => {
  test('1: a task and its call', async () => {
    await using _worker = await startTestWorker(inMemory(task.app, 'one'))
    expect(await task.main()).toBe(5)
  })

  test('2: named arguments', async () => {
    await using _worker = await startTestWorker(inMemory(named.app, 'two'))
    expect(await named.main()).toEqual({ user_id: 1, seconds: 1320 })
  })

  test('3: retries, automatic and asked for', async () => {
    const answers = [503, 200]
    const server = createServer((_request, response) =>
      response.writeHead(answers.shift() ?? 429).end('page'),
    )
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    // A listening TCP server has an address object.
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
    try {
      await using _worker = await startTestWorker(inMemory(retries.app, 'three'))
      expect(await retries.main(url)).toBe('page')
      const asked = await runTask(retries.fetchPage, [url]).catch((thrown: unknown) => thrown)
      expect(asked).toBeInstanceOf(Retry)
      expect((asked as Retry).request.countdown).toBe(60)
    } finally {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    }
  })

  test('4: tasks that live elsewhere, with a contract and without', async () => {
    const worker = createTestApp('python', { broker: 'memory://four' })
    opened.push(worker)
    python.implementResize(worker)
    inMemory(python.app, 'four')
    await using _worker = await startTestWorker(worker, { queues: ['media'] })
    expect(await python.main()).toBe('/200/a.png')
    const broker = await coreOf(python.app).broker()
    const bodies = await Promise.all(
      ['celery', 'low'].map(async (queue) =>
        (await broker.admin.browse(queue, {})).items.map((item) => bodyOf(item.raw)),
      ),
    )
    const embed = { callbacks: null, errbacks: null, chain: null, chord: null }
    expect(bodies).toEqual([[[[], { year: 2026 }, embed]], [[[30], { dry_run: true }, embed]]])
  })

  test('5: a result, an error and a timeout', async () => {
    inMemory(results.app, 'five')
    expect(await results.main(2)).toBe('still PENDING')
    await using _worker = await startTestWorker(results.app)
    expect(await results.main(2)).toBe('21')
    expect(await results.main(0)).toBe('RangeError: division by zero')
  })

  test('6: routing and priority', async () => {
    await routing.main.call(inMemory(routing.app, 'six'))
    const broker = await coreOf(routing.app).broker()
    const depths = await broker.depths(['critical', 'billing', 'celery'])
    expect([...depths].map(([queue, { ready }]) => [queue, ready])).toEqual([
      ['critical', 1],
      ['billing', 1],
      ['celery', 0],
    ])
    expect(coreOf(routing.app).router.destination('kyb.check').routingKey).toBe('kyb')
  })

  test('7: an ETA waits in the broker', async () => {
    inMemory(eta.app, 'seven')
    await using _worker = await startTestWorker(eta.app)
    await eta.main()
    const depth = (await (await coreOf(eta.app).broker()).depths(['celery'])).get('celery')
    expect(depth?.delayed).toBe(2)
  })

  test('8: a payload checked at the call and in the worker', async () => {
    await using _worker = await startTestWorker(inMemory(schema.app, 'eight'))
    expect(await schema.main()).toBe('7:paid')
    await expect(
      schema.deliver.delay({ webhook_id: 1.5, event_data: { event: 'x', data: 1 } }),
    ).rejects.toThrow(/webhook_id/)
    const positional = await schema.app.sendTask('webhooks.deliver_event', {
      args: [7, { event: 'late', data: 1 }],
    })
    expect(await positional.get({ timeout: 5 })).toBe('7:late')
    const foreign = await schema.app.sendTask('webhooks.deliver_event', { kwargs: { webhook_id: 'seven' } })
    await expect(foreign.get({ timeout: 5 })).rejects.toThrow(/webhook_id/)

    const response = await web.request('/events', { method: 'POST', body: '{"event":"web","data":{}}' })
    expect(response.status).toBe(202)
    const { id } = (await response.json()) as { id: string }
    expect(await schema.app.asyncResult(id).get({ timeout: 5 })).toBe('7:web')
    expect(await (await web.request(`/tasks/${id}`)).json()).toEqual({ state: 'SUCCESS' })
  })
})

function bodyOf(raw: Buffer | string): unknown {
  // The envelope that `memory` keeps is kombu's.
  const envelope = JSON.parse(raw.toString()) as { body: string }
  return JSON.parse(Buffer.from(envelope.body, 'base64').toString())
}
