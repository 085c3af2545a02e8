// Webhooks: how many a second beside a bare loop and a BullMQ worker, what hanging endpoints cost the others, and what a large store costs.
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { createJiti } from 'jiti'
import { median, thousands } from './figures.mjs'
import { measureChild } from './measure-child.mjs'
import { withRedis } from './redis-server.mjs'

const file = (name) => fileURLToPath(new URL(name, import.meta.url))
const MANY = 1_000_000
const FEW = 10_000

/** The samples of some rounds; `count` webhooks a figure. */
export async function measureWebhooks({ folder, rounds, count }) {
  const { startPostgres } = await createJiti(import.meta.url).import('../test/servers.ts')
  const server = await startPostgres({ fsync: true, config: { shared_buffers: '256MB' } })
  const receiver = fork(file('webhooks-receiver.mjs'))
  const [port] = await once(receiver, 'message')
  const told = { receiver: `http://127.0.0.1:${port}`, count }
  const samples = []
  try {
    await withRedis(folder, async (broker, command) => {
      for (const round of rounds) {
        for (const peer of ['bare', 'bullmq', 'lovage']) {
          command('flushall')
          const store = await server.createDatabase(`webhooks-${peer}-${round}`)
          samples.push({
            scenario: 'rate',
            on: 'Redis and PostgreSQL, fsync=on',
            ...(await measureChild('webhooks-child.mjs', peer, { ...told, broker, store })),
          })
        }
        const [queue, kept] = ['queue', 'webhooks'].map(
          (name) => `sqlite://${join(folder, `${name}-${round}.db`)}`,
        )
        samples.push({
          scenario: 'rate',
          on: 'SQLite',
          ...(await measureChild('webhooks-child.mjs', 'lovage', { ...told, broker: queue, store: kept })),
        })
        for (const hanging of [false, true]) {
          command('flushall')
          const store = await server.createDatabase(`webhooks-fair-${hanging}-${round}`)
          const { sentAt, ...sample } = await measureChild('webhooks-child.mjs', 'fairness', {
            ...told,
            broker,
            store,
            hanging,
            count: 100,
          })
          receiver.send('arrivals')
          const [arrivals] = await once(receiver, 'message')
          const waits = arrivals.map(([key, at]) => at - sentAt[key.split(' ')[1]]).sort((a, b) => a - b)
          if (waits.length !== 9000) throw new Error(`${waits.length} of 9000 arrived`)
          samples.push({ scenario: 'fairness', ...sample, p50: waits[4500], p99: waits[8910] })
        }
      }
    })
    samples.push(...(await measureStore(await server.createDatabase('webhooks-large'))))
  } finally {
    receiver.disconnect()
    await server.stop()
  }
  return samples
}

/** Listing, searching by state and sweeping, in a store of few deliveries and then of many. */
async function measureStore(url) {
  const { openStore } = await import('../packages/webhooks/dist/store/index.js')
  const { default: pg } = await import('pg')
  const store = await openStore(url)
  const client = new pg.Client(url)
  await client.connect()
  const samples = []
  let there = 0
  for (const total of [FEW, MANY]) {
    // One in a hundred is exhausted, one in a thousand failed and not due; the sweep finds nothing, which is its usual night.
    await client.query(
      `INSERT INTO lovage_webhook_deliveries (id, tenant, event_id, endpoint_id, event_type, state, attempts, due_at, event_day, event_at, created_at, updated_at)
       SELECT 'dlv_' || lpad(n::text, 26, '0'), 't', 'msg_' || n, 'ep_' || n % 100, 'order.paid',
         CASE WHEN n % 1000 = 1 THEN 'failed' WHEN n % 100 = 2 THEN 'exhausted' ELSE 'success' END, 1,
         CASE WHEN n % 1000 = 1 THEN 9000000000000 END, 0, 0, 0, 0
       FROM generate_series($1::int, $2::int) n`,
      [there + 1, total],
    )
    there = total
    await client.query('VACUUM ANALYZE lovage_webhook_deliveries')
    const { deliveries } = store
    for (const [what, work] of [
      ['list', () => deliveries.list({ tenant: 't' })],
      ['search by state', () => deliveries.list({ tenant: 't', states: ['exhausted'] })],
      ['sweep', () => deliveries.sweep(Date.now(), 900_000, 500)],
    ]) {
      const times = []
      for (let at = 0; at < 300; at++) {
        const begin = performance.now()
        await work()
        if (at >= 100) times.push(performance.now() - begin)
      }
      samples.push({ scenario: 'store', what, total, ms: median(times) })
    }
  }
  await client.end()
  await store.close()
  return samples
}

/** For the page. */
export function webhooksTables(samples) {
  const of = (scenario) => samples.filter((sample) => sample.scenario === scenario)
  const rates = of('rate')
  const bare = median(rates.filter(({ peer }) => peer.startsWith('bare')).map(({ perSecond }) => perSecond))
  const rows = [...new Set(rates.map(({ on, peer }) => `${peer}, ${on}`))].map((name) => {
    const own = rates.filter(({ on, peer }) => `${peer}, ${on}` === name)
    const rate = median(own.map(({ perSecond }) => perSecond))
    return `| ${name} | ${thousands(rate)} | ${(rate / bare).toFixed(2)} | ${median(own.map(({ peakMb }) => peakMb))} MB |`
  })
  const fair = ['none hangs', 'ten of 100 hang'].map((name) => {
    const own = of('fairness').filter(({ peer }) => peer === name)
    return `| ${name} | ${['p50', 'p99'].map((at) => `${median(own.map((sample) => sample[at])).toFixed(1)} ms`).join(' | ')} |`
  })
  const large = ['list', 'search by state', 'sweep'].map((what) => {
    const [few, many] = [FEW, MANY].map(
      (total) => of('store').find((sample) => sample.what === what && sample.total === total)?.ms ?? 0,
    )
    return `| ${what} | ${few.toFixed(2)} ms | ${many.toFixed(2)} ms | ${(many / few).toFixed(2)} |`
  })
  return [
    '| webhooks/s | | of the bare loop | peak memory |',
    '|---|---|---|---|',
    ...rows,
    '',
    '| to 90 endpoints | p50 | p99 |',
    '|---|---|---|',
    ...fair,
    '',
    `| in the store | ${thousands(FEW)} deliveries | ${thousands(MANY)} | ratio |`,
    '|---|---|---|---|',
    ...large,
  ]
}
