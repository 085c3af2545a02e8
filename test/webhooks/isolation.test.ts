import { fork } from 'node:child_process'
import { once } from 'node:events'
import { until } from 'lovage/testing'
import { expect, test } from 'vitest'
import { Receiver } from './receiver.js'
import { setUpWebhooks } from './set-up.js'

test('endpoints that hang for their whole time hold up nobody else', { timeout: 60_000 }, async () => {
  await using healthy = await Receiver.start()
  // Fewer slots than the hanging ones would take: 10 endpoints with 2 places each leave half of them free.
  await using set = await setUpWebhooks({}, { concurrency: 40 })
  await using hanging = await Receiver.start(() => {})
  const { hooks } = set
  const hung = { timeoutMs: 20_000, concurrency: 2, ratePerMinute: null, eventTypes: ['hang'] }
  for (let at = 0; at < 10; at++) await hooks.endpoints.create({ ...hung, url: `${hanging.url}/${at}` })
  for (let at = 0; at < 90; at++)
    await hooks.endpoints.create({ url: `${healthy.url}/${at}`, eventTypes: ['go'], ratePerMinute: null })
  for (let at = 0; at < 20; at++) await hooks.send({ type: 'hang', data: { at } })
  await hanging.has(20)
  const beginMs = Date.now()
  for (let at = 0; at < 5; at++) await hooks.send({ type: 'go', data: { at } })
  await healthy.has(450)
  // Far less than the time for which the others hang.
  expect(Date.now() - beginMs).toBeLessThan(10_000)
  expect(hanging.seen).toHaveLength(20)
  const { items } = await hooks.deliveries.list({ states: ['pending'], limit: 250 })
  expect(items).toHaveLength(180)
  expect(new Set(items.map(({ waitsFor, attempts }) => `${waitsFor} ${attempts}`))).toEqual(
    new Set(['concurrency 0']),
  )
})

test('an endpoint gets its rate at once, and the rest when it may have it', async () => {
  await using receiver = await Receiver.start()
  await using set = await setUpWebhooks()
  const { hooks } = set
  // One every 150 ms, after a minute's worth.
  await hooks.endpoints.create({ url: receiver.url, ratePerMinute: 400, concurrency: null })
  await Promise.all(Array.from({ length: 405 }, (_, at) => hooks.send({ type: 'go', data: { at } })))
  await receiver.has(405)
  const times = receiver.seen.map(({ atMs }) => atMs)
  expect((times[404] ?? 0) - (times[0] ?? 0)).toBeGreaterThanOrEqual(4 * 150 - 50)
  expect(
    (await hooks.deliveries.list({ states: ['success'], limit: 250 })).items.every(
      ({ attempts }) => attempts === 1,
    ),
  ).toBe(true)
})

test('deliveries of a key arrive in order although one of them fails first', async () => {
  let failures = 0
  await using receiver = await Receiver.start((request, response) => {
    const { n } = JSON.parse(request.body.toString()).data
    const fails = n === 2 && failures++ < 2
    response.writeHead(fails ? 503 : 204).end()
  })
  await using set = await setUpWebhooks()
  const { hooks } = set
  await hooks.endpoints.create({ url: receiver.url, order: 'key', concurrency: 8 })
  for (let n = 0; n < 12; n++) await hooks.send({ type: 'go', data: { n } }, { orderingKey: `k${n % 2}` })
  await receiver.has(14)
  const arrived = receiver.seen.map(({ body }) => JSON.parse(body.toString()).data.n as number)
  expect(arrived.filter((n) => n % 2 === 1)).toEqual([1, 3, 5, 7, 9, 11])
  expect(arrived.filter((n) => n % 2 === 0)).toEqual([0, 2, 2, 2, 4, 6, 8, 10])
})

test('a circuit opens for a failing endpoint, spends no attempt while it is open, and closes by a probe', async () => {
  let status = 500
  await using receiver = await Receiver.start((_request, response) => void response.writeHead(status).end())
  await using set = await setUpWebhooks({
    rules: { circuitOpenMs: 700 },
    schedule: { taskBackoffMs: 100_000, jitter: 0 },
  })
  const { hooks } = set
  const told: string[] = []
  for (const type of ['endpoint.circuit_opened', 'endpoint.circuit_closed'] as const)
    hooks.on(type, () => void told.push(type))
  await hooks.endpoints.create({ url: receiver.url, concurrency: 1 })
  await Promise.all(Array.from({ length: 10 }, (_, n) => hooks.send({ type: 'go', data: { n } })))
  await until(() => told.length === 1)
  status = 204
  await Promise.all(Array.from({ length: 5 }, (_, n) => hooks.send({ type: 'go', data: { n } })))
  expect(
    (await hooks.deliveries.list({ states: ['pending'] })).items
      .filter(({ waitsFor }) => waitsFor === 'circuit')
      .every(({ attempts }) => attempts === 0),
  ).toBe(true)
  await until(async () => (await hooks.deliveries.list({ states: ['success'] })).items.length === 5)
  expect(told).toEqual(['endpoint.circuit_opened', 'endpoint.circuit_closed'])
  expect(receiver.seen).toHaveLength(15)
})

test('a receiver that is stopped in its tracks gets everything when it goes on', {
  timeout: 60_000,
}, async () => {
  await using set = await setUpWebhooks({ schedule: { taskBackoffMs: 300, jitter: 0, taskRetries: 40 } })
  const { hooks } = set
  const child = fork(new URL('./stopped-receiver.mjs', import.meta.url))
  try {
    const [port] = await once(child, 'message')
    const seen = new Set<unknown>()
    child.on('message', (id) => seen.add(id))
    await hooks.endpoints.create({ url: `http://127.0.0.1:${port}/`, timeoutMs: 200, concurrency: 5 })
    await hooks.send({ type: 'go', data: {} })
    await until(() => seen.size === 1)
    child.kill('SIGSTOP')
    const ids = await Promise.all(
      Array.from({ length: 8 }, async (_, n) => (await hooks.send({ type: 'go', data: { n } })).event.id),
    )
    const timedOut = async () =>
      (await hooks.deliveries.list({ states: ['pending', 'processing'] })).items.some(
        ({ lastOutcome }) => lastOutcome === 'timeout',
      )
    await until(timedOut)
    // After a timeout an endpoint is left alone for a minute; an operator who knows better replays.
    child.kill('SIGCONT')
    for (const { id } of (await hooks.deliveries.list({ states: ['pending'] })).items)
      await hooks.deliveries.replay(id)
    await until(() => ids.every((id) => seen.has(id)), { timeoutMs: 20_000 })
  } finally {
    child.kill('SIGKILL')
  }
})
