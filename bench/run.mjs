// npm run bench [-- --rounds 3 --count 50000 --only redis,canvas,postgres,sqlite,memory,events]: measures side by side, interleaved, each in its own process,
// and writes bench/RESULTS.md and bench/results.json.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { cpus, release, tmpdir, totalmem } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { createJiti } from 'jiti'
import { measureCanvases } from './canvas.mjs'
import { fileFor, measureEvents } from './events.mjs'
import { measurePython } from './python.mjs'
import { redisVersion, withRedis } from './redis-server.mjs'
import { report } from './report.mjs'

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    count: { type: 'string', default: '50000' },
    only: { type: 'string', default: 'redis,canvas,postgres,sqlite,memory,events' },
  },
})
const rounds = Number(values.rounds)
const count = Number(values.count)
const folder = mkdtempSync(join(tmpdir(), 'lovage-bench-'))
const child = fileURLToPath(new URL('child.mjs', import.meta.url))
const samples = []

const families = values.only.split(',')
if (families.includes('redis')) await onRedis()
if (families.includes('canvas')) await onCanvases()
if (families.includes('postgres')) await onPostgres()
if (families.includes('sqlite')) onFile('SQLite WAL, synchronous=NORMAL', 'normal')
if (families.includes('sqlite')) onFile('SQLite WAL, synchronous=FULL', 'full')
if (families.includes('memory')) onMemory()
if (families.includes('events')) await onEvents()
rmSync(folder, { recursive: true })

const machine = `${cpus().length} × ${cpus()[0]?.model.trim()}, ${Math.round(totalmem() / 2 ** 30)} GiB, Linux ${release()}, Node ${process.version}`
const page = report(samples, {
  rounds,
  count,
  machine,
  redis: redisVersion(),
  date: new Date().toISOString().slice(0, 10),
})
writeFileSync(new URL('RESULTS.md', import.meta.url), page)
writeFileSync(new URL('results.json', import.meta.url), `${JSON.stringify(samples, null, 1)}\n`)
process.stdout.write(page)

async function onRedis() {
  await withRedis(folder, async (url, redis) => {
    for (let round = 0; round < rounds; round++) {
      for (const scenario of ['publish', 'run', 'results', 'latency']) {
        for (const peer of ['lovage', 'bare', 'bullmq', 'bee-queue', 'celery-node']) {
          if (peer === 'bare' && scenario === 'latency') continue
          redis('flushall')
          measure('redis', peer, scenario, url, scenario === 'latency' ? 500 : count)
        }
        redis('flushall')
        const python = await measurePython({ scenario, url, redis, count: Math.min(count, 5000), folder })
        if (python) samples.push({ family: 'redis', ...python })
      }
    }
  })
}

async function onCanvases() {
  await withRedis(folder, async (url, redis) => {
    for (let round = 0; round < rounds; round += 2)
      samples.push(...(await measureCanvases({ url, clear: () => redis('flushall'), scale: count / 50_000 })))
  })
}

async function onEvents() {
  for (let round = 0; round < rounds; round++) {
    await withRedis(folder, async (url, redis) => {
      const clear = () => redis('flushall')
      samples.push(...(await measureEvents({ on: 'Redis', urlOf: () => url, clear, count })))
    })
    samples.push(...(await measureEvents({ on: 'SQLite, synchronous=NORMAL', ...fileFor(folder), count })))
  }
}

/** Every peer in a database of its own on one server that waits for its disk, each in its batched mode. */
async function onPostgres() {
  const { startPostgres } = await createJiti(import.meta.url).import('../test/servers.ts')
  const server = await startPostgres({ fsync: true, config: { shared_buffers: '256MB' } })
  try {
    for (let round = 0; round < rounds; round++) {
      for (const scenario of ['publish', 'run', 'results', 'latency']) {
        for (const peer of ['lovage', 'graphile-worker', 'pg-boss']) {
          // graphile-worker keeps no results; what pg-boss takes to notice a task is how often the bench asks.
          if (scenario === 'results' && peer === 'graphile-worker') continue
          if (scenario === 'latency' && peer === 'pg-boss') continue
          const url = await server.createDatabase(`${peer}-${scenario}-${round}`)
          measure('PostgreSQL, fsync=on', peer, scenario, url, scenario === 'latency' ? 500 : count)
        }
      }
    }
  } finally {
    await server.stop()
  }
}

function onFile(family, synchronous) {
  for (let round = 0; round < rounds; round++) {
    for (const scenario of ['publish', 'run', 'results', 'latency']) {
      const file = join(folder, `${synchronous}-${round}-${scenario}.db`)
      measure(
        family,
        'lovage',
        scenario,
        `sqlite://${file}?synchronous=${synchronous}`,
        scenario === 'latency' ? 500 : count,
      )
      for (const suffix of ['', '-wal', '-shm']) if (existsSync(file + suffix)) rmSync(file + suffix)
    }
  }
}

function onMemory() {
  for (let round = 0; round < rounds; round++) {
    for (const scenario of ['publish', 'run', 'results', 'loop'])
      measure('memory', 'lovage', scenario, 'memory://bench', count * 5)
  }
}

function measure(family, peer, scenario, url, howMany) {
  const { stdout, stderr, status } = spawnSync(
    process.execPath,
    [child, peer, scenario, url, String(howMany)],
    { encoding: 'utf8', timeout: 180_000, maxBuffer: 2 ** 28 },
  )
  const line = stdout?.trim().split('\n').at(-1)
  // A peer that breaks down is left out of the table, and said so; our own rows have to be there.
  if (status !== 0 || !line) {
    if (peer === 'lovage' || peer === 'bare')
      throw new Error(`${peer} ${scenario} on ${family} failed: ${stderr}`)
    return console.error(family, peer, scenario, 'failed:', stderr.split('\n').slice(-3).join(' '))
  }
  const sample = { family, ...JSON.parse(line) }
  samples.push(sample)
  console.error(
    family,
    sample.peer,
    scenario,
    sample.perSecond
      ? `${Math.round(sample.perSecond)}/s`
      : `p50 ${sample.p50.toFixed(2)} ms p99 ${sample.p99.toFixed(2)} ms`,
  )
}
