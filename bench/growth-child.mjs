// One figure of bench/growth.mjs, in a process of its own; prints one line of JSON.
// node bench/growth-child.mjs <case> <JSON of its parameters>
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setTimeout as pause } from 'node:timers/promises'
import { Lovage, startWorker } from '../packages/lovage/dist/index.js'
import { median } from './figures.mjs'

const [what, told] = process.argv.slice(2)
const { url, size, tasks = 0 } = JSON.parse(told)
const CONCURRENCY = 100
const AT_ONCE = 1000
/** A share of the tasks goes before what is counted. */
const WARM_UP = 0.25
const LATENCIES = 200

const started = []
const figures = await { backlog, delayed, queues, idle, revokes, payload, bullmq, workers }[what]()
process.stdout.write(`${JSON.stringify(figures)}\n`)
await Promise.race([Promise.all(started.map((worker) => worker.stop())), pause(2000)])
process.exit(0)

/** An app whose task calls `onRun`. */
function open(settings = {}) {
  const app = new Lovage('growth', {
    broker: url,
    backend: 'disabled://',
    taskDefaultQueue: 'bench',
    env: {},
    ...settings,
  })
  const state = { onRun: () => {} }
  const noop = app.task({ name: 'growth.noop', ignoreResult: true, run: (_ctx, value) => state.onRun(value) })
  return { app, noop, state }
}

async function send(count, one) {
  for (let sent = 0; sent < count; sent += AT_ONCE)
    await Promise.all(Array.from({ length: Math.min(AT_ONCE, count - sent) }, (_, n) => one(sent + n)))
}

async function work(app, options) {
  started.push(await startWorker(app, { concurrency: CONCURRENCY, ...options }))
}

/** Tasks a second, once `warm` of them have run; `start` begins the work. */
async function rate(count, state, start) {
  const warm = Math.ceil(count * WARM_UP)
  let done = 0
  let beganMs = 0
  let began
  await new Promise((resolve, reject) => {
    state.onRun = () => {
      done += 1
      if (done === warm) {
        beganMs = performance.now()
        began = process.cpuUsage()
      }
      if (done === count) resolve()
    }
    start().catch(reject)
  })
  const { user, system } = process.cpuUsage(began)
  const counted = count - warm
  return {
    perSecond: counted / ((performance.now() - beganMs) / 1000),
    cpuMicros: (user + system) / counted,
  }
}

/** From the call to the start on an idle worker, half of the calls. */
async function latency(one, state) {
  const samples = []
  for (let n = 0; n < LATENCIES + 50; n++) {
    const started = new Promise((resolve) => {
      state.onRun = () => resolve(performance.now())
    })
    const beganMs = performance.now()
    await one(n)
    const tookMs = (await started) - beganMs
    if (n >= 50) samples.push(tookMs)
    await pause(2)
  }
  return median(samples)
}

/** The first `tasks` of a queue that holds `size`. */
async function backlog() {
  const { app, noop, state } = open()
  await send(size, () => noop.delay(1))
  return rate(Math.min(size, tasks), state, () => work(app))
}

/** `tasks` that are due, beside `size` that are not. */
async function delayed() {
  const { app, noop, state } = open()
  await send(size, () => noop.applyAsync([1], { countdown: 36_000 }))
  await send(tasks, () => noop.delay(1))
  return rate(tasks, state, () => work(app))
}

/** `tasks` spread over `size` queues that one worker reads, and then one task at a time. */
async function queues() {
  const names = Array.from({ length: size }, (_, n) => `bench-${n}`)
  const { app, noop, state } = open()
  const to = (n) => noop.applyAsync([1], { queue: names[n % size] })
  await send(tasks, to)
  const figure = await rate(tasks, state, () => work(app, { queues: names }))
  return { ...figure, p50: await latency(to, state) }
}

/** `size` idle workers, up to fifty in this process; stays until its input ends. */
async function idle() {
  for (let n = 0; n < size; n++)
    await work(open().app, { hostname: `idle${process.pid}-${n}@bench`, concurrency: 1 })
  process.stdout.write('ready\n')
  await new Promise((resolve) => process.stdin.resume().on('end', resolve))
  return {}
}

/** What one revoke costs a worker that remembers `size` of them. */
async function revokes() {
  const REVOKES = 20
  const { app } = open()
  for (let at = 0; at < size; at += AT_ONCE)
    await app.control.revoke(Array.from({ length: Math.min(AT_ONCE, size - at) }, (_, n) => `old-${at + n}`))
  await work(app)
  const delay = monitorEventLoopDelay({ resolution: 1 })
  await pause(500)
  delay.enable()
  const began = process.cpuUsage()
  for (let n = 0; n < REVOKES; n++) {
    await app.control.revoke([`new-${n}`])
    await pause(20)
  }
  await pause(500)
  const { user, system } = process.cpuUsage(began)
  return { cpuMs: (user + system) / 1000 / REVOKES, longestMs: delay.max / 1e6 }
}

/** `tasks` whose argument is a text of `size` bytes. */
async function payload() {
  const { app, noop, state } = open()
  const text = 'x'.repeat(size)
  await send(tasks, () => noop.delay(text))
  return rate(tasks, state, () => work(app))
}

/** The same by BullMQ. */
async function bullmq() {
  const [{ Queue, Worker }, { Redis }] = await Promise.all(['bullmq', 'ioredis'].map((name) => import(name)))
  const connection = new Redis(url, { maxRetriesPerRequest: null })
  const queue = new Queue('bench', { connection, defaultJobOptions: { removeOnComplete: true } })
  const text = 'x'.repeat(size)
  const batch = Math.max(1, Math.min(AT_ONCE, Math.floor(8_000_000 / size)))
  for (let sent = 0; sent < tasks; sent += batch)
    await queue.addBulk(
      Array.from({ length: Math.min(batch, tasks - sent) }, () => ({ name: 'noop', data: { text } })),
    )
  const state = { onRun: () => {} }
  return rate(tasks, state, async () => {
    const options = { connection: connection.duplicate(), concurrency: CONCURRENCY }
    await new Worker('bench', async () => state.onRun(), options).waitUntilReady()
  })
}

/** One of `size` workers that share `tasks`; counts what it has run until its input ends. */
async function workers() {
  const { app, state } = open()
  let ran = 0
  state.onRun = () => (ran += 1)
  process.stdout.write('ready\n')
  await new Promise((resolve) => process.stdin.once('data', resolve))
  await work(app)
  await new Promise((resolve) => process.stdin.once('end', resolve))
  return { ran }
}
