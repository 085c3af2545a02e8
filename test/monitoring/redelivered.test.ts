import { examine } from 'lovage'
import { createTestApp, startTestWorker, until } from 'lovage/testing'
import { expect, test } from 'vitest'
import { openBroker } from '../../packages/lovage/src/drivers/index.js'
import { silentLogger, systemClock } from '../../packages/lovage/src/kernel/index.js'
import { lovage } from '../cli/command.js'
import { makeProject } from '../loader/project.js'

test('what has lost several workers is shown, and who holds it, wherever an operator looks', {
  timeout: 90_000,
}, async () => {
  using shop = makeProject({ 'package.json': '{"name":"shop","type":"module"}' })
  const url = `sqlite://${shop.folder}/queue.db`
  await using app = createTestApp('shop', { broker: url, backend: url })
  let release = (): void => {}
  const held = new Promise<void>((resolve) => {
    release = resolve
  })
  const wait = app.task({ name: 'shop.wait', run: () => held })
  const { id } = await wait.delay()
  // Two holders end that have not settled it.
  const broker = await openBroker(url, { settings: {}, clock: systemClock, logger: silentLogger })
  for (const holder of ['a', 'b']) {
    let took = (): void => {}
    const taken = new Promise<void>((resolve) => {
      took = resolve
    })
    const consumer = await broker.consume({
      queues: ['celery'],
      holder,
      leaseMs: 60_000,
      visibilityTimeoutMs: 60_000,
      free: () => 1,
      onDeliveries: () => took(),
      onLost: () => {},
      onError: () => {},
      clock: systemClock,
      logger: silentLogger,
    })
    await taken
    await consumer.close()
  }
  await broker.close()
  const worker = await startTestWorker(app, { hostname: 'third@box' })
  await until(() => worker.active.length === 1)
  const told = `shop.wait[${id}] has lost 2 workers, and third@box had it last`
  const fact = { id, task: 'shop.wait', queue: 'celery', redeliveries: 2, worker: 'third@box' }
  expect(await app.queues.report(['celery'])).toMatchObject([{ name: 'celery', redelivered: [fact] }])
  const inspect = app.control.inspect({ destination: ['third@box'] })
  expect((await inspect.active())['third@box']).toMatchObject([{ id, redeliveries: 2 }])
  expect((await inspect.stats())['third@box']).toMatchObject({ redelivered: { [id]: 2 } })
  expect(await examine(app)).toContainEqual(
    expect.objectContaining({ check: 'lost workers', passed: false, detail: told }),
  )
  const say = async (...args: string[]) => (await lovage(['-b', url, ...args], { cwd: shop.folder })).stdout
  expect(await say('queues')).toContain(told)
  expect(JSON.parse(await say('queues', 'celery', '--json'))).toMatchObject([{ redelivered: [fact] }])
  expect((await app.queues.list('celery', { state: 'unacked' })).items).toMatchObject([
    { id, holder: expect.stringMatching(/^third@box\./), redeliveries: 2 },
  ])
  expect(await say('queue', 'list', 'celery')).toMatch(/unacked +- +third@box +2 +0 /)
  expect(await say('status')).toContain(told)
  expect(await say('inspect', 'active')).toContain('"redeliveries": 2')
  expect(await say('doctor')).toContain(`FAIL  lost workers: ${told}`)
  release()
  await until(async () => (await app.queues.report(['celery']))[0]?.redelivered.length === 0)
  await worker.stop()
})
