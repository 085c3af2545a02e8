// npm run bench:soak [-- --tasks 10000000 --pool async --trial]: one worker under load, a little of everything, its memory written down all
// the while: bench/soak.svg and bench/soak.json, and a verdict. `--trial` writes them into a temporary folder and into no record. The exit
// code is 1 when memory grew, 2 when too little ran to tell.
import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { thousands } from './figures.mjs'
import { record } from './ledger.mjs'
import { withRedis } from './redis-server.mjs'
import { chart, judge, thin } from './soak-judge.mjs'

const { values } = parseArgs({
  options: {
    tasks: { type: 'string', default: '10000000' },
    pool: { type: 'string', default: 'async' },
    trial: { type: 'boolean', default: false },
  },
})
const total = Number(values.tasks)
const MAIN = fileURLToPath(new URL('../packages/lovage/dist/cli/main.js', import.meta.url))
const APP = fileURLToPath(new URL('soak-app.mjs', import.meta.url))
/** Messages that wait at most: the queue itself must not be what grows. */
const AHEAD = 20_000
const BATCH = 1000
/** How many of a thousand are something else than a plain task with a result. */
const OTHERS = { 'soak.again': 10, 'soak.fails': 20, 'soak.early': 50 }
const EVERY_MS = Math.max(500, Math.min(2000, total / 1000))

const folder = mkdtempSync(join(tmpdir(), 'lovage-soak-'))
const file = join(folder, 'memory.jsonl')
const readSamples = () =>
  existsSync(file)
    ? readFileSync(file, 'utf8')
        .split('\n')
        .filter(Boolean)
        .map((line) => JSON.parse(line))
    : []
let seconds = 0
await withRedis(folder, async (url) => {
  process.env.SOAK_URL = url
  const { app } = await import(APP)
  const args = ['--expose-gc', MAIN, '-A', APP, 'worker', '-P', values.pool, '-l', 'critical']
  const worker = spawn(process.execPath, args, {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { ...process.env, SOAK_FILE: file, SOAK_EVERY_MS: String(EVERY_MS) },
  })
  const gone = new Promise((resolve) => worker.once('exit', resolve))
  const watch = setInterval(() => {
    const last = readSamples().at(-1)
    if (last) console.error(`${thousands(last.tasks)} tasks, ${Math.round(last.rssMb)} MB resident`)
  }, 10_000)
  const from = performance.now()
  try {
    await Promise.race([produce(app), gone.then(() => Promise.reject(new Error('the worker has ended')))])
    seconds = (performance.now() - from) / 1000
  } finally {
    clearInterval(watch)
    worker.kill('SIGTERM')
    await gone
    await app.close()
  }
})

const samples = readSamples()
const tasks = samples.at(-1)?.tasks ?? 0
const verdict = {
  pool: values.pool,
  tasks,
  seconds: Math.round(seconds),
  perSecond: Math.round(tasks / seconds),
  ...judge(samples),
}
const into = values.trial
  ? mkdtempSync(join(tmpdir(), 'lovage-soak-trial-'))
  : fileURLToPath(new URL('.', import.meta.url))
writeFileSync(
  join(into, 'soak.svg'),
  chart(samples, `Memory over ${thousands(tasks)} tasks in ${thousands(seconds)} s, -P ${values.pool}`),
)
writeFileSync(join(into, 'soak.json'), `${JSON.stringify({ ...verdict, samples: thin(samples) })}\n`)
if (!values.trial) record({ family: 'soak', rounds: 1, samples: [verdict] })
rmSync(folder, { recursive: true, force: true })
console.log(JSON.stringify(verdict))
console.error(`${join(into, 'soak.svg')}, ${join(into, 'soak.json')}`)
process.exitCode = verdict.isFlat === null ? 2 : verdict.isFlat ? 0 : 1

/** Sends until `total` tasks are sent, never far ahead, and waits until all are done. */
async function produce(app) {
  const waiting = async () => {
    const [{ ready = 0, delayed = 0, unacked = 0 } = {}] = await app.queues.report(['celery'])
    return { ready, all: ready + delayed + unacked }
  }
  const names = Object.entries(OTHERS).flatMap(([name, count]) => Array(count).fill(name))
  const calls = Array.from({ length: BATCH }, (_, n) => ({ name: names[n] ?? 'soak.plain', args: [n] }))
  for (let sent = 0; sent < total; ) {
    if ((await waiting()).ready > AHEAD) await new Promise((resolve) => setTimeout(resolve, 20))
    else {
      // Without waiting for each: they share round trips.
      await Promise.all(calls.map(({ name, args }) => app.tasks.get(name).applyAsync(args)))
      sent += BATCH
    }
  }
  while ((await waiting()).all > 0) await new Promise((resolve) => setTimeout(resolve, 100))
}
