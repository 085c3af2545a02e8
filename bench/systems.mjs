// The five systems: what the enrichment of webhooks costs beside a plain delivery, how fast a CSV file is cleaned beside the library that
// parses it, and how soon a thousand monitors that are due at once are claimed.
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { statSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { createJiti } from 'jiti'
import { median, thousands } from './figures.mjs'
import { measureChild } from './measure-child.mjs'
import { withRedis } from './redis-server.mjs'

const file = (name) => fileURLToPath(new URL(name, import.meta.url))
/** 101 MB. */
const ROWS = 860_000
const MONITORS = 1000
const SERVERS = 'Redis and PostgreSQL, fsync=on'

/** The samples of some rounds; `count` completions a figure; `scale` of the file. */
export async function measureSystems({ folder, rounds, count, scale }) {
  const { startPostgres } = await createJiti(import.meta.url).import('../test/servers.ts')
  const server = await startPostgres({ fsync: true, config: { shared_buffers: '256MB' } })
  const receiver = fork(file('webhooks-receiver.mjs'))
  const [port] = await once(receiver, 'message')
  const told = { receiver: `http://127.0.0.1:${port}` }
  const samples = []
  try {
    await withRedis(folder, async (broker, command) => {
      for (const round of rounds) {
        const onServers = async (name) => {
          command('flushall')
          const database = await server.createDatabase(`systems-${name}-${round}`)
          return { CELERY_BROKER_URL: broker, CELERY_RESULT_BACKEND: broker, DATABASE_URL: database }
        }
        const inFiles = (name) => {
          const [queue, data] = ['queue', 'data'].map(
            (kind) => `sqlite://${join(folder, `${name}-${round}-${kind}.db`)}`,
          )
          return { CELERY_BROKER_URL: queue, CELERY_RESULT_BACKEND: queue, DATABASE_URL: data }
        }
        for (const what of ['plain', 'cached']) {
          const env = { ...(await onServers(what)), ...learningTime(folder, what, round) }
          if (what === 'cached') await measureChild('systems-child.mjs', 'fill', { env, count })
          const sample = await measureChild('systems-child.mjs', what, { ...told, env, count })
          samples.push({ scenario: 'enrichment', what, on: SERVERS, ...sample })
        }
        for (const [on, env] of [
          [SERVERS, await onServers('due')],
          ['SQLite', inFiles('due')],
        ]) {
          const sample = await measureChild('systems-child.mjs', 'due', {
            ...told,
            env: { ...env, ...monitoring },
            count: MONITORS,
          })
          samples.push({ scenario: 'due', on, ...sample })
        }
      }
    })
    samples.push(...(await measureCsv(folder, rounds, Math.ceil(ROWS * scale))))
  } finally {
    receiver.disconnect()
    await server.stop()
  }
  return samples
}

const learningTime = (folder, what, round) => ({
  ENABLE_WEBHOOK_LEARNING_TIME_ENRICHMENT: String(what !== 'plain'),
  WAREHOUSE_URL: `sqlite://${join(folder, `warehouse-${round}.db`)}`,
  ALLOW_HTTP: '1',
  ALLOWED_CIDRS: '127.0.0.0/8',
  LOVAGE_WEBHOOKS_KEYS: `bench:${Buffer.alloc(32, 7).toString('base64')}`,
})

/** Without the rates of production: they are what would be measured. */
const monitoring = {
  ALLOW_PRIVATE_ADDRESSES: '1',
  CHECK_RATE: '60000000/m',
  ALERT_RATE: '60000000/m',
  LOVAGE_WEBHOOKS_KEYS: `bench:${Buffer.alloc(32, 7).toString('base64')}`,
}

async function measureCsv(folder, rounds, rows) {
  const [from, to, small] = ['orders.csv', 'clean.csv', 'small.csv'].map((name) => join(folder, name))
  await measureChild('systems-child.mjs', 'write', { from, rows })
  // The first process to import TypeScript keeps what it has compiled, which takes memory of its own.
  await measureChild('systems-child.mjs', 'write', { from: small, rows: 10 })
  await measureChild('systems-child.mjs', 'clean', { from: small, to, rows: 10 })
  const mb = statSync(from).size / 1e6
  const samples = []
  for (const _ of rounds)
    for (const what of ['library', 'clean']) {
      const sample = await measureChild('systems-child.mjs', what, { from, to, rows })
      samples.push({ scenario: 'csv', what, mb, mbPerSecond: mb / sample.seconds, ...sample })
    }
  return samples
}

/** For the page. */
export function systemsTables(samples) {
  const of = (scenario, more = {}) =>
    samples.filter(
      (sample) =>
        sample.scenario === scenario && Object.entries(more).every(([name, value]) => sample[name] === value),
    )
  const middle = (own, name) => median(own.map((sample) => sample[name]))
  const plain = middle(of('enrichment', { what: 'plain' }), 'seconds')
  const completions = [
    ['as it is', 'plain'],
    ['with its learning time, from the cache', 'cached'],
  ].map(([name, what]) => {
    const own = of('enrichment', { what })
    const cost = (middle(own, 'seconds') / plain).toFixed(2)
    return `| ${name} | ${thousands(middle(own, 'perSecond'))} | ${cost} | ${middle(own, 'cpuMs').toFixed(2)} ms |`
  })
  const library = middle(of('csv', { what: 'library' }), 'mbPerSecond')
  const csv = [
    ['parsed by `csv-parse` alone', 'library'],
    ['parsed, cleaned, profiled, and written', 'clean'],
  ].map(([name, what]) => {
    const own = of('csv', { what })
    const rate = middle(own, 'mbPerSecond')
    return `| ${name} | ${rate.toFixed(1)} | ${(rate / library).toFixed(2)} | ${middle(own, 'peakMb')} MB |`
  })
  const due = [SERVERS, 'SQLite'].map((on) => {
    const ms = ['sentMs', 'claimedMs', 'checkedMs'].map((name) =>
      (middle(of('due', { on }), name) / 1000).toFixed(2),
    )
    return `| ${on} | ${ms.map((seconds) => `${seconds} s`).join(' | ')} |`
  })
  return [
    `| a completion of a course is delivered | a second | time, of as it is | CPU each |`,
    '|---|---|---|---|',
    ...completions,
    '',
    `| a CSV file of ${Math.round(of('csv')[0]?.mb ?? 0)} MB | MB/s | of parsing alone | peak memory |`,
    '|---|---|---|---|',
    ...csv,
    '',
    `| ${thousands(MONITORS)} monitors due in the same second | all sent | all claimed | all checked |`,
    '|---|---|---|---|',
    ...due,
  ]
}
