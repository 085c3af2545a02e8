// npm run bench:pools [-- --rounds 3 --only noop,cpu,start --trial]: what the pools cost and give, on a Redis of their own: no-op tasks
// through each pool, CPU-bound tasks in prefork beside solo, and how long a worker takes to be ready and what it holds then.
import { spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { Redis } from 'ioredis'
import { record } from './ledger.mjs'
import { freePort } from './redis-server.mjs'

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    count: { type: 'string', default: '40000' },
    only: { type: 'string', default: 'noop,cpu,start' },
    /** Small, to see that it works: nothing is recorded. */
    trial: { type: 'boolean', default: false },
  },
})
const samples = []
const wanted = values.only.split(',')
const MAIN = fileURLToPath(new URL('../packages/lovage/dist/cli/main.js', import.meta.url))
const APP = fileURLToPath(new URL('pools-app.mjs', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'lovage-bench-'))
const port = await freePort()
const server = spawn('redis-server', ['--port', `${port}`, '--save', '', '--dir', folder], {
  stdio: 'ignore',
})
const url = `redis://127.0.0.1:${port}/0`
// Asked on one connection: programs that are started for each question would take the processor from what is measured.
const redis = new Redis(url, { retryStrategy: () => 25, maxRetriesPerRequest: null })
// It is not there yet.
redis.on('error', () => {})
await redis.ping()

try {
  for (let round = 1; round <= Number(values.rounds); round++) {
    if (wanted.includes('noop'))
      for (const pool of ['prefork', 'threads', 'solo', 'async'])
        await tasks(pool, 'noop', [], Number(values.count))
    // A task of about 20 ms.
    if (wanted.includes('cpu'))
      for (const pool of ['solo', 'prefork', 'threads']) await tasks(pool, 'spin', [2_000_000], 200)
    if (wanted.includes('start')) for (const pool of ['async', 'prefork']) await startUp(pool)
  }
} finally {
  redis.disconnect()
  server.kill('SIGTERM')
  await new Promise((resolve) => server.once('exit', resolve))
  rmSync(folder, { recursive: true })
}
if (!values.trial)
  record({ family: 'pools', rounds: Number(values.rounds), count: Number(values.count), samples })

/** Everything is queued before the worker starts; the time runs from a tenth of the tasks to the last. */
async function tasks(pool, name, args, count) {
  await redis.flushall()
  const { app } = await import(`${APP}?${Math.random()}`)
  app.configFromObject({ broker_url: url })
  await app.tasks.get(name).applyAsyncMany(Array.from({ length: count }, () => ({ args })))
  await app.close()
  const children = pool === 'async' ? 100 : availableParallelism()
  const worker = start(pool, children)
  const left = async () => (await redis.llen('celery')) + (await redis.hlen('unacked'))
  await until(async () => (await left()) <= count * 0.9)
  const [from, first] = [performance.now(), await left()]
  await until(async () => (await left()) === 0)
  const seconds = (performance.now() - from) / 1000
  say({ what: name, pool, children, perSecond: Math.round(first / seconds) })
  await worker.stop()
}

async function startUp(pool) {
  const from = performance.now()
  const worker = start(pool, pool === 'async' ? 100 : availableParallelism(), 'info')
  await until(() => worker.said().includes(' ready'), 2)
  const readyMs = Math.round(performance.now() - from)
  await new Promise((resolve) => setTimeout(resolve, 1000))
  const children = childrenOf(worker.pid)
    .map(memoryMb)
    .filter((mb) => mb > 10)
  say({
    what: 'start',
    pool,
    readyMs,
    mb: memoryMb(worker.pid),
    ...(children.length > 0 ? { childMb: Math.max(...children) } : {}),
  })
  await worker.stop()
}

function start(pool, concurrency, level = 'warning') {
  const worker = spawn(
    process.execPath,
    [MAIN, '-A', APP, '-b', url, 'worker', '-P', pool, '-c', `${concurrency}`, '-l', level],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  )
  let text = ''
  worker.stderr.setEncoding('utf8').on('data', (more) => {
    if (text.length < 1e5) text += more
  })
  return {
    pid: worker.pid,
    said: () => text,
    async stop() {
      worker.kill('SIGTERM')
      await new Promise((resolve) => worker.once('exit', resolve))
    },
  }
}

function childrenOf(pid) {
  return spawnSync('ps', ['-o', 'pid=', '--ppid', `${pid}`], { encoding: 'utf8' })
    .stdout.split(/\s+/)
    .filter(Boolean)
}

function memoryMb(pid) {
  const [, kib = '0'] = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? []
  return Math.round(Number(kib) / 1024)
}

function say(sample) {
  samples.push(sample)
  process.stdout.write(`${JSON.stringify(sample)}\n`)
}

async function until(condition, everyMs = 10) {
  for (const end = Date.now() + 120_000; !(await condition()); ) {
    if (Date.now() > end) throw new Error('it takes too long')
    await new Promise((resolve) => setTimeout(resolve, everyMs))
  }
}
