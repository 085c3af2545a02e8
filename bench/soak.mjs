// npm run bench:soak [-- --tasks 10000000 --pool async --url redis://…]: one worker under load for as long as it takes, its memory written down
// every few seconds: into bench/soak.svg, and as a verdict. Without a URL it starts a Redis of its own.
import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { record } from './ledger.mjs'

const { values } = parseArgs({
  options: {
    tasks: { type: 'string', default: '10000000' },
    pool: { type: 'string', default: 'async' },
    url: { type: 'string' },
    out: { type: 'string', default: fileURLToPath(new URL('soak.svg', import.meta.url)) },
  },
})
const total = Number(values.tasks)
const MAIN = fileURLToPath(new URL('../packages/lovage/dist/cli/main.js', import.meta.url))
const APP = fileURLToPath(new URL('pools-app.mjs', import.meta.url))
/** Messages that wait at most: the queue itself must not be what grows. */
const AHEAD = 20_000
const BATCH = 1000
const EVERY_MS = Math.max(250, Math.min(5000, total / 1000))
/** Growth of the second half over the first that is no leak: the noise of a collector. */
const ALLOWED = 1.1

const folder = mkdtempSync(join(tmpdir(), 'lovage-soak-'))
const server = values.url ? undefined : await startRedis()
const url = values.url ?? server.url
const { app } = await import(APP)
app.configFromObject({ broker_url: url })
const noop = app.tasks.get('noop')
const broker = await app.broker()
const worker = spawn(process.execPath, [MAIN, '-A', APP, '-b', url, 'worker', '-P', values.pool], {
  stdio: ['ignore', 'ignore', 'inherit'],
})
const samples = []
const from = performance.now()
let sent = 0
const watch = setInterval(() => {
  const pids = [worker.pid, ...childrenOf(worker.pid)]
  const mb = pids.reduce((sum, pid) => sum + memoryMb(pid), 0)
  samples.push({ s: (performance.now() - from) / 1000, mb, sent })
  process.stderr.write(`${sent} sent, ${Math.round(mb)} MB\n`)
}, EVERY_MS)

try {
  const batch = Array.from({ length: BATCH }, () => ({ args: [] }))
  while (sent < total) {
    if ((await ready()) > AHEAD) await new Promise((resolve) => setTimeout(resolve, 20))
    else {
      await noop.applyAsyncMany(batch)
      sent += BATCH
    }
  }
  while ((await ready()) > 0) await new Promise((resolve) => setTimeout(resolve, 50))
} finally {
  clearInterval(watch)
  const gone = new Promise((resolve) => worker.once('exit', resolve))
  worker.kill('SIGTERM')
  await gone
  await app.close()
  await server?.stop()
  rmSync(folder, { recursive: true, force: true })
}

const seconds = (performance.now() - from) / 1000
// The first tenth is the start.
const steady = samples.slice(Math.floor(samples.length / 10))
const half = Math.floor(steady.length / 2)
const [before, after] = [steady.slice(0, half), steady.slice(half)].map(medianMb)
writeFileSync(values.out, chart())
const verdict = {
  pool: values.pool,
  tasks: sent,
  seconds: Math.round(seconds),
  perSecond: Math.round(sent / seconds),
  firstHalfMb: before,
  secondHalfMb: after,
}
process.stdout.write(`${JSON.stringify(verdict)}\n`)
record({ family: 'soak', rounds: 1, samples: [verdict] })
process.exitCode = after <= before * ALLOWED ? 0 : 1

async function ready() {
  return (await broker.depths(['celery'])).get('celery')?.ready ?? 0
}

function medianMb(part) {
  const sorted = part.map(({ mb }) => mb).sort((left, right) => left - right)
  return Math.round(sorted[Math.floor(sorted.length / 2)] ?? 0)
}

/** Memory over time, drawn by hand: nothing has to be installed for it. */
function chart() {
  const [width, height, left, bottom] = [720, 260, 50, 30]
  const most = Math.max(...samples.map(({ mb }) => mb)) * 1.2
  const x = (s) => left + (s / seconds) * (width - left - 10)
  const y = (mb) => height - bottom - (mb / most) * (height - bottom - 20)
  const line = samples.map(({ s, mb }) => `${x(s).toFixed(1)},${y(mb).toFixed(1)}`).join(' ')
  const marks = [0, 0.25, 0.5, 0.75, 1].map((part) => {
    const mb = Math.round((most * part) / 10) * 10
    return `<text x="4" y="${y(mb) + 4}">${mb} MB</text><line x1="${left}" x2="${width - 10}" y1="${y(mb)}" y2="${y(mb)}" stroke="#ddd"/>`
  })
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" font-family="sans-serif" font-size="11">
<rect width="100%" height="100%" fill="#fff"/>${marks.join('')}
<polyline points="${line}" fill="none" stroke="#1a7f37" stroke-width="1.5"/>
<text x="${left}" y="${height - 8}">${sent} tasks in ${Math.round(seconds)} s, -P ${values.pool}: resident memory of the worker and its children</text>
</svg>
`
}

function childrenOf(pid) {
  const { stdout } = spawnSync('ps', ['-o', 'pid=', '--ppid', `${pid}`], { encoding: 'utf8' })
  return stdout.split(/\s+/).filter(Boolean)
}

function memoryMb(pid) {
  try {
    const [, kib = '0'] = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? []
    return Number(kib) / 1024
  } catch {
    // It ended between the listing and the look.
    return 0
  }
}

async function startRedis() {
  const port = await new Promise((resolve) => {
    const socket = createServer().listen(0, '127.0.0.1', () => {
      const { port: free } = socket.address()
      socket.close(() => resolve(free))
    })
  })
  const redis = spawn('redis-server', ['--port', `${port}`, '--save', '', '--dir', folder], {
    stdio: 'ignore',
  })
  for (let tries = 0; ; tries++) {
    try {
      execFileSync('redis-cli', ['-p', `${port}`, 'ping'], { stdio: 'pipe' })
      break
    } catch (error) {
      if (tries > 200) throw error
      await new Promise((resolve) => setTimeout(resolve, 25))
    }
  }
  return {
    url: `redis://127.0.0.1:${port}/0`,
    async stop() {
      const gone = new Promise((resolve) => redis.once('exit', resolve))
      redis.kill('SIGTERM')
      await gone
    },
  }
}
