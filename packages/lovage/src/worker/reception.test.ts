import { expect, test } from 'vitest'
import { coreOf } from '../app/core/index.js'
import type { Delivery } from '../broker/index.js'
import { createTestApp, startTestWorker, until } from '../testing/index.js'

test.each([
  [true, ['next', 'second']],
  [false, ['first', 'next', 'second']],
])(
  'a redelivered task that has succeeded before is not run again when the settings say %s',
  async (isOn, expected) => {
    const app = createTestApp('dedup', { workerDeduplicateSuccessfulTasks: isOn })
    const ran: string[] = []
    const work = app.task({ name: 'work', run: (ctx) => void ran.push(ctx.id) })
    // What follows a success whose worker died before it went on is sent all the same.
    await work
      .s()
      .link(work.si().set({ taskId: 'next' }))
      .set({ taskId: 'first' })
      .applyAsync()
    await work.applyAsync([], { taskId: 'second' })

    // A holder of both is lost after it had stored the result of the first.
    const broker = await coreOf(app).broker()
    const held: Delivery[] = []
    const consumer = await broker.consume({
      queues: ['celery'],
      holder: 'lost',
      leaseMs: 30_000,
      visibilityTimeoutMs: 60_000,
      free: () => 2 - held.length,
      onDeliveries: (deliveries) => void held.push(...deliveries),
      onLost() {},
      onError() {},
      clock: app.clock,
      logger: app.logger,
    })
    await until(() => held.length === 2)
    const success = {
      state: 'SUCCESS',
      result: null,
      resultJson: 'null',
      traceback: null,
      children: [],
    } as const
    await (await coreOf(app).results()).store([
      { id: 'first', dateDone: new Date().toISOString(), ...success },
    ])
    await consumer.settle(held.map(({ tag }) => ({ tag, kind: 'requeue', counts: true })))
    await consumer.close()

    {
      await using worker = await startTestWorker(app)
      await until(async () => {
        const depth = (await broker.depths(['celery'])).get('celery')
        return (
          depth?.ready === 0 && worker.active.length === 0 && ran.includes('second') && ran.includes('next')
        )
      })
    }
    expect(ran.toSorted()).toEqual(expected)
    await app.close()
  },
)

test('compressed messages wait while tasks hold all that may be decompressed at once, and all of them run', async () => {
  const app = createTestApp('inflated', { workerMaxDecompressedBytes: 10_000 })
  let running = 0
  let most = 0
  const ends: (() => void)[] = []
  const work = app.task({
    name: 'work',
    run: async (_ctx, _text: string) => {
      most = Math.max(most, ++running)
      await new Promise<void>((resolve) => ends.push(resolve))
      running--
    },
  })
  const small = app.task({ name: 'small', run: () => 'ran' })
  const results = []
  for (let n = 0; n < 3; n++)
    results.push(await work.applyAsync(['x'.repeat(20_000)], { compression: 'gzip' }))
  {
    await using _worker = await startTestWorker(app, { concurrency: 10 })
    await until(() => ends.length > 0)
    // Uncompressed messages do not have to wait.
    expect(await small.delay().then((one) => one.get({ timeout: 20 }))).toBe('ran')
    for (let ended = 0; ended < results.length; ended++) {
      await until(() => ends.length > ended, { timeoutMs: 20_000 })
      ends[ended]?.()
    }
    await Promise.all(results.map((result) => result.get({ timeout: 20 })))
  }
  expect(most).toBe(1)
  await app.close()
})
