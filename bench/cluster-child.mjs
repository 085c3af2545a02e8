// One figure of bench/cluster.mjs, in a process of its own; prints one line of JSON. node bench/cluster-child.mjs <cost|idle> <JSON>
import { setTimeout as pause } from 'node:timers/promises'
import { Lovage, startWorker } from '../packages/lovage/dist/index.js'

const [what, told] = process.argv.slice(2)
const { url, settings, queues, count } = JSON.parse(told)
const AT_ONCE = 1000
/** A share of the tasks goes before what is counted. */
const WARM_UP = 0.2

const started = []
const figures = await { cost, idle }[what]()
process.stdout.write(`${JSON.stringify(figures)}\n`)
await Promise.race([Promise.all(started.map((worker) => worker.stop())), pause(2000)])
process.exit(0)

function open() {
  const app = new Lovage('bench', { broker: url, backend: 'disabled://', env: {}, ...settings })
  const state = { onRun: () => {} }
  const noop = app.task({ name: 'bench.noop', ignoreResult: true, run: () => state.onRun() })
  return { app, noop, state }
}

/** Microseconds of this process for each of `some` tasks. */
function micros(since, some) {
  const { user, system } = process.cpuUsage(since)
  return (user + system) / some
}

async function cost() {
  const { app, noop, state } = open()
  const warm = Math.ceil(count * WARM_UP)
  const send = async (from, to) => {
    for (let sent = from; sent < to; sent += AT_ONCE) {
      const calls = []
      for (let n = sent; n < Math.min(sent + AT_ONCE, to); n++)
        calls.push(noop.applyAsync([1, 2], { queue: queues[n % queues.length] }))
      await Promise.all(calls)
    }
  }
  await send(0, warm)
  let since = process.cpuUsage()
  await send(warm, warm + count)
  const producerMicros = micros(since, count)
  let done = 0
  await new Promise((resolve, reject) => {
    state.onRun = () => {
      done++
      if (done === warm) since = process.cpuUsage()
      if (done === warm + count) resolve()
    }
    startWorker(app, { concurrency: 100, queues }).then((worker) => started.push(worker), reject)
  })
  const workerMicros = micros(since, count)
  return { producerMicros, workerMicros, clientMicros: producerMicros + workerMicros, ran: done }
}

/** `count` workers of all queues; stays until its input ends. */
async function idle() {
  for (let n = 0; n < count; n++)
    started.push(await startWorker(open().app, { hostname: `idle-${n}@bench`, concurrency: 1, queues }))
  process.stdout.write('ready\n')
  await new Promise((resolve) => process.stdin.resume().on('end', resolve))
  return {}
}
