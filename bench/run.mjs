// npm run bench [-- --rounds 3 --count 100000 --only redis,canvas,… --former REVISION]: measures side by side, interleaved, each in its own
// process, and writes each family's section of bench/RESULTS.md and bench/results.json as soon as it is measured. --former measures an
// earlier build of Lovage in the same run.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { createJiti } from 'jiti'
import { measureCanvases } from './canvas.mjs'
import { measureCluster } from './cluster.mjs'
import { measureDashboard } from './dashboard.mjs'
import { fileFor, measureEvents } from './events.mjs'
import { withFormer } from './former.mjs'
import { measureGrowth } from './growth.mjs'
import { record } from './ledger.mjs'
import { measureObservability } from './observability.mjs'
import { measurePython } from './python.mjs'
import { rabbitDepth } from './rabbit-depth.mjs'
import { withRedis } from './redis-server.mjs'
import { measureSystems } from './systems.mjs'
import { measureWebhooks } from './webhooks.mjs'

/** What is measured, and how; each resolves to its samples. */
const FAMILIES = {
  redis,
  cluster,
  canvas,
  rabbitmq,
  postgres,
  sqlite,
  memory,
  events,
  observability,
  dashboard,
  webhooks,
  systems,
  growth,
}

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    count: { type: 'string', default: '100000' },
    only: { type: 'string', default: Object.keys(FAMILIES).join(',') },
    former: { type: 'string' },
  },
})
const rounds = [...Array(Number(values.rounds)).keys()]
const count = Number(values.count)
const CHILD = fileURLToPath(new URL('child.mjs', import.meta.url))
/** Peers that need a newer Node than the engine; it comes as a package. */
const NEWER_NODE = new Set(['graphile-worker', 'pg-boss'])
const newerNode = fileURLToPath(new URL(`node_modules/node-linux-${process.arch}/bin/node`, import.meta.url))
const ours = values.former ? ['lovage', 'former'] : ['lovage']
for (const family of values.only.split(','))
  if (!Object.hasOwn(FAMILIES, family))
    throw new Error(`--only ${family}: there are ${Object.keys(FAMILIES).join(', ')}`)
await withFormer(values.former, async () => {
  for (const family of values.only.split(',')) {
    const folder = mkdtempSync(join(tmpdir(), 'lovage-bench-'))
    try {
      const samples = await FAMILIES[family](folder)
      if (samples.length > 0)
        record({ family, rounds: family === 'growth' ? 1 : rounds.length, count, samples })
    } finally {
      rmSync(folder, { recursive: true })
    }
  }
})

/** Beside BullMQ, bee-queue, celery-node, Python Celery, and the driver alone. */
async function redis(folder) {
  const samples = []
  await withRedis(folder, async (url, command) => {
    for (const scenario of rounds.flatMap(() => ['publish', 'run', 'results', 'latency'])) {
      for (const peer of [...ours, 'bare', 'bullmq', 'bee-queue', 'celery-node']) {
        if (peer === 'bare' && scenario === 'latency') continue
        command('flushall')
        samples.push(...measure(peer, scenario, url))
      }
      command('flushall')
      // The worker's prefetch leaves the list early, so that the unacknowledged count as waiting.
      const left = () => Number(command('llen', 'bench')) + Number(command('hlen', 'unacked'))
      const python = await measurePython({ scenario, url, left, count: Math.min(count, 5000) })
      if (python) samples.push(python)
    }
  })
  return samples
}

async function canvas(folder) {
  const samples = []
  await withRedis(folder, async (url, command) => {
    const clear = () => command('flushall')
    for (const _ of rounds) samples.push(...(await measureCanvases({ url, clear, scale: count / 100_000 })))
  })
  return samples
}

/** Three nodes with a slot per queue, beside a single one. */
function cluster() {
  return measureCluster({ rounds, count })
}

/** Beside celery-node and Python Celery, each in a virtual host of its own; durable queues, persistent messages. */
async function rabbitmq(folder) {
  const { startRabbit } = await createJiti(import.meta.url).import('../test/servers.ts')
  const server = await startRabbit({ schedulers: 2 })
  const samples = []
  try {
    await withRedis(folder, async (redisUrl) => {
      // celery-node keeps results, whether or not anybody wants them.
      process.env.BENCH_REDIS = redisUrl
      for (const [round, scenario] of rounds.flatMap((one) =>
        ['publish', 'run', 'latency'].map((what) => [one, what]),
      )) {
        for (const peer of [...ours, 'bare-rabbitmq', 'celery-node-amqp']) {
          if (peer.startsWith('bare') && scenario === 'latency') continue
          samples.push(...measure(peer, scenario, await server.createVhost(`${peer}-${scenario}-${round}`)))
        }
        const url = await server.createVhost(`python-${scenario}-${round}`)
        const depth = await rabbitDepth(url)
        const python = await measurePython({ scenario, url, left: depth.ready, count: Math.min(count, 5000) })
        await depth.close()
        if (python) samples.push(python)
      }
    })
  } finally {
    await server.stop()
  }
  return samples
}

/** Every peer in a database of its own on one server that waits for its disk, each in its batched mode. */
async function postgres() {
  const { startPostgres } = await createJiti(import.meta.url).import('../test/servers.ts')
  const server = await startPostgres({ fsync: true, config: { shared_buffers: '256MB' } })
  const samples = []
  try {
    for (const [round, scenario] of rounds.flatMap((one) =>
      ['publish', 'run', 'results', 'latency'].map((what) => [one, what]),
    )) {
      for (const peer of [...ours, 'bare-postgres', 'graphile-worker', 'pg-boss', 'bullmq']) {
        // graphile-worker keeps no results; what pg-boss takes to notice a task is how often the bench asks.
        if (scenario === 'results' && peer === 'graphile-worker') continue
        if (scenario === 'latency' && (peer === 'pg-boss' || peer.startsWith('bare'))) continue
        samples.push(...measure(peer, scenario, await server.createDatabase(`${peer}-${scenario}-${round}`)))
      }
    }
  } finally {
    await server.stop()
  }
  return samples
}

function sqlite(folder) {
  const samples = []
  const fresh = fileFor(folder)
  for (const synchronous of ['normal', 'full'])
    for (const scenario of rounds.flatMap(() => ['publish', 'run', 'results', 'latency']))
      for (const peer of [...ours, ...(scenario === 'latency' ? [] : ['bare-sqlite'])])
        for (const sample of measure(peer, scenario, `${fresh.urlOf()}?synchronous=${synchronous}`))
          samples.push({ on: `synchronous=${synchronous.toUpperCase()}`, ...sample })
  return samples
}

/** What is published is held by the process: publishing alone is left out. */
function memory() {
  return rounds.flatMap(() =>
    ['run', 'results', 'loop'].flatMap((scenario) =>
      measure('lovage', scenario, 'memory://bench', 2 * count),
    ),
  )
}

/** Of a burst of events, and of pages of histories short and long; `--count 100000` is a history of a million tasks. */
async function dashboard(folder) {
  let samples = []
  await withRedis(folder, async (url, command) => {
    const clear = () => command('flushall')
    samples = await measureDashboard({ url, folder, clear, rounds, scale: count / 100_000 })
  })
  return samples
}

async function events(folder) {
  const samples = []
  for (const _ of rounds) {
    await withRedis(folder, async (url, command) => {
      const clear = () => command('flushall')
      samples.push(...(await measureEvents({ on: 'Redis', urlOf: () => url, clear, count })))
    })
    samples.push(...(await measureEvents({ on: 'SQLite, synchronous=NORMAL', ...fileFor(folder), count })))
  }
  return samples
}

async function observability(folder) {
  const samples = []
  await withRedis(folder, async (url, command) => {
    for (const round of rounds)
      samples.push(...(await measureObservability({ url, clear: () => command('flushall'), count, round })))
  })
  return samples
}

/** A webhook is a request, two transactions and a task: a tenth as many as tasks that do nothing. */
function webhooks(folder) {
  return measureWebhooks({ folder, rounds, count: Math.ceil(count / 10) })
}

/** Parts of the five systems beside what they are made of; a completion is a webhook, so a tenth as many. */
function systems(folder) {
  return measureSystems({ folder, rounds, count: Math.ceil(count / 10), scale: Math.min(1, count / 100_000) })
}

/** How figures change with what there is: a backlog, queues, idle workers, remembered revokes, bytes. */
function growth(folder) {
  return measureGrowth({ folder, scale: count / 100_000 })
}

/** The sample, or none: a peer that breaks down is left out of the table, and said so; our own rows have to be there. */
function measure(peer, scenario, url, howMany = scenario === 'latency' ? 500 : count) {
  const { stdout, stderr, status } = spawnSync(
    NEWER_NODE.has(peer) ? newerNode : process.execPath,
    [CHILD, peer, scenario, url, String(howMany)],
    { encoding: 'utf8', timeout: 180_000, maxBuffer: 2 ** 28 },
  )
  const line = stdout?.trim().split('\n').at(-1)
  if (status !== 0 || !line) {
    const what = `${peer} ${scenario} on ${url}`
    if (peer === 'lovage' || peer.startsWith('bare')) throw new Error(`${what} failed: ${stderr}`)
    console.error(what, 'failed:', stderr.split('\n').slice(-3).join(' '))
    return []
  }
  const sample = JSON.parse(line)
  const { perSecond, p50, p99 } = sample
  const figure = perSecond
    ? `${Math.round(perSecond)}/s`
    : `p50 ${p50.toFixed(2)} ms p99 ${p99.toFixed(2)} ms`
  console.error(url.split(':')[0], sample.peer, scenario, figure)
  return [sample]
}
