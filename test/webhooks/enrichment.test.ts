import { enrichment } from '@lovage/webhooks'
import { startTestWorker, until } from 'lovage/testing'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { Receiver } from './receiver.js'
import { setUpWebhooks } from './set-up.js'

const Completion = z.object({ user: z.number(), learning_time: z.number().optional() })
interface Completion {
  readonly user: number
  readonly learning_time?: number | undefined
}

const timeOf = (receiver: Receiver): unknown[] =>
  receiver.seen.map(({ body }) => JSON.parse(body.toString()).data.learning_time ?? null)

test('what a source finds is added, kept, and asked for once', async () => {
  await using receiver = await Receiver.start()
  await using set = await setUpWebhooks({ events: { 'completion.passed': Completion } })
  const outcomes: string[] = []
  let asked = 0
  let isEnabled = true
  const stage = enrichment<Completion, number>(set.hooks, {
    name: 'learning_time',
    type: 'completion.passed',
    queue: 'enrich',
    key: ({ user }) => String(user),
    load: async ({ user }) => {
      asked += 1
      return user === 2 ? null : 0
    },
    merge: (data, seconds) => ({ ...data, learning_time: seconds }),
    isEnabled: () => isEnabled,
    onOutcome: (outcome, cache) => void outcomes.push(`${outcome} ${cache}`),
  })
  await using _worker = await startTestWorker(set.app, { queues: ['enrich'] })
  await set.hooks.endpoints.create({ url: receiver.url })
  const sent = async (user: number): Promise<void> => {
    const before = receiver.seen.length
    await stage.send({ user })
    await receiver.has(before + 1)
  }
  for (const user of [1, 1, 2]) await sent(user)
  isEnabled = false
  await sent(1)
  // Zero is something, nothing is not.
  expect(timeOf(receiver)).toEqual([0, 0, null, null])
  expect(outcomes).toEqual(['enriched miss', 'enriched hit', 'no_data miss', 'disabled none'])
  expect(asked).toBe(2)
  // @ts-expect-error the catalogue wants a number
  await expect(stage.send({ user: 'x' })).rejects.toMatchObject({ field: 'data.user' })
})

test('a source that hangs or fails costs no delivery, and holds up no other', {
  timeout: 30_000,
}, async () => {
  await using receiver = await Receiver.start()
  await using set = await setUpWebhooks()
  const hangs = enrichment<Completion, number>(set.hooks, {
    name: 'hangs',
    type: 'completion.slow',
    queue: 'enrich',
    timeoutMs: 1_500,
    load: () => new Promise(() => {}),
    merge: (data, seconds) => ({ ...data, learning_time: seconds }),
  })
  const fails = enrichment<Completion, number>(set.hooks, {
    name: 'fails',
    type: 'completion.failed',
    queue: 'enrich',
    load: async () => {
      throw new Error('no warehouse')
    },
    merge: (data) => data,
  })
  await using _worker = await startTestWorker(set.app, { queues: ['enrich'], concurrency: 10 })
  await set.hooks.endpoints.create({ url: receiver.url })
  for (let user = 0; user < 5; user++) await hangs.send({ user })
  await fails.send({ user: 9 })
  await set.hooks.send({ type: 'order.paid', data: {} })
  await receiver.has(2)
  const types = () => receiver.seen.map(({ body }) => JSON.parse(body.toString()).type)
  expect(types().sort()).toEqual(['completion.failed', 'order.paid'])
  await receiver.has(7)
  expect(types().filter((type) => type === 'completion.slow')).toHaveLength(5)
  expect(timeOf(receiver)).toEqual(Array(7).fill(null))
})

test('a worker serves the measures of webhooks beside its own', async () => {
  await using receiver = await Receiver.start((_request, response) => void response.writeHead(500).end())
  await using set = await setUpWebhooks({ schedule: { taskRetries: 0, sweepDelaysMs: [60_000], jitter: 0 } })
  const { hooks, app } = set
  await hooks.endpoints.create({ url: receiver.url })
  const { deliveryIds } = await hooks.send({ type: 'go', data: {} })
  await until(async () => (await hooks.deliveries.get(deliveryIds[0] ?? '')).state === 'failed')
  const [source] = app.metricSources
  const text = await source?.()
  expect(text).toContain('webhook_attempts_total{outcome="http",status_class="5xx",trigger="schedule"} 1')
  expect(text).toContain('webhook_deliveries{status="failed"} 1')
  expect(text).toContain('webhook_notices_total{type="message.attempt.failing"} 1')
  expect(text).toMatch(/webhook_delivery_duration_seconds_bucket\{le="\+Inf"\} 1\n/)
})
