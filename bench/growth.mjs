// How figures change with what there is: a backlog, queues, idle workers, remembered revokes, bytes of a payload, workers on one server; and
// what a task costs worker, producer and server, beside BullMQ.
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { fileFor } from './events.mjs'
import { thousands } from './figures.mjs'
import { growthCharts } from './growth-charts.mjs'
import { info, serverCpu, withRedis } from './redis-server.mjs'

const file = (name) => fileURLToPath(new URL(name, import.meta.url))
const SIZES = {
  // A backlog of ten million takes 9 GB of Redis.
  backlog: [1_000, 10_000, 100_000, 1_000_000],
  delayed: [1_000, 10_000, 100_000, 1_000_000],
  queues: [1, 50, 500, 2_000],
  idle: [1, 10, 50, 200],
  revokes: [100, 1_000, 10_000, 100_000],
  payload: [100, 1_000, 10_000, 100_000, 1_000_000],
  workers: [1, 2, 4],
}
/** Idle workers of one process: their memory is shared, their commands are not. */
const IN_ONE_PROCESS = 50
const WATCHED_S = 10

/** One sample a size of each case; `scale` shortens a trial. */
export async function measureGrowth({ folder, scale }) {
  const samples = []
  const fresh = fileFor(folder)
  const tasks = Math.ceil(40_000 * scale)
  const add = (sample) => {
    samples.push(sample)
    console.error('growth', JSON.stringify(sample))
  }
  await withRedis(folder, async (url, command) => {
    for (const size of SIZES.backlog.filter((size) => size <= 1_000_000 * scale)) {
      command('flushall')
      add({ scenario: 'backlog', size, ...child('backlog', { url, size, tasks }) })
    }
    for (const size of SIZES.delayed) {
      command('flushall')
      add({ scenario: 'delayed', size, ...child('delayed', { url, size, tasks }) })
    }
    for (const on of ['Redis', 'SQLite'])
      for (const size of SIZES.queues) {
        command('flushall')
        add({
          scenario: 'queues',
          on,
          size,
          ...child('queues', { url: on === 'Redis' ? url : fresh.urlOf(), size, tasks }),
        })
      }
    for (const size of SIZES.idle) {
      command('flushall')
      add({ scenario: 'idle', size, ...(await idle({ url, command, size })) })
    }
    for (const size of SIZES.revokes) {
      command('flushall')
      add({ scenario: 'revokes', size, ...child('revokes', { url, size }) })
    }
    for (const size of SIZES.payload)
      for (const [peer, what] of [
        ['Lovage', 'payload'],
        ['BullMQ', 'bullmq'],
      ]) {
        command('flushall')
        const some = Math.ceil(Math.min(tasks, 200_000_000 / size))
        add({ scenario: 'payload', peer, size, ...child(what, { url, size, tasks: some }) })
      }
    for (const size of SIZES.workers) {
      command('flushall')
      add({ scenario: 'workers', size, ...(await workers({ url, command, size, tasks: 4 * tasks })) })
    }
    for (const peer of ['lovage', 'bullmq']) add({ scenario: 'cost', ...cost({ peer, url, command, tasks }) })
  })
  return samples
}

function child(what, told) {
  const { stdout, stderr, status } = spawnSync(
    process.execPath,
    [file('growth-child.mjs'), what, JSON.stringify(told)],
    { encoding: 'utf8', timeout: 300_000 },
  )
  if (status !== 0) throw new Error(`growth ${what} ${JSON.stringify(told)}: ${stderr}`)
  return JSON.parse(stdout.trim().split('\n').at(-1))
}

async function start(what, told) {
  const process_ = spawn(process.execPath, [file('growth-child.mjs'), what, JSON.stringify(told)], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  let text = ''
  process_.stdout.setEncoding('utf8').on('data', (chunk) => (text += chunk))
  await once(process_.stdout, 'data')
  return {
    go: () => process_.stdin.write('go\n'),
    async end() {
      const gone = once(process_, 'close')
      process_.stdin.end()
      await gone
      return JSON.parse(text.trim().split('\n').at(-1))
    },
  }
}

/** What idle workers ask of the server. */
async function idle({ url, command, size }) {
  const started = []
  for (let left = size; left > 0; left -= IN_ONE_PROCESS)
    started.push(await start('idle', { url, size: Math.min(left, IN_ONE_PROCESS) }))
  await pause(5000)
  const count = () => Number(info(command, 'stats').total_commands_processed)
  const [before, cpu] = [count(), serverCpu(command)]
  await pause(WATCHED_S * 1000)
  // The look at the counters is two commands itself.
  const perSecond = (count() - before - 2) / WATCHED_S / size
  const serverPercent = ((serverCpu(command) - cpu) / WATCHED_S) * 100
  for (const each of started) await each.end()
  return { commandsPerSecond: perSecond, serverPercent }
}

/** A queue that several processes empty together. */
async function workers({ url, command, size, tasks }) {
  const all = []
  for (let n = 0; n < size; n++) all.push(await start('workers', { url, size }))
  const producer = spawnSync(
    process.execPath,
    [
      '--input-type=module',
      '-e',
      `const { Lovage } = await import(${JSON.stringify(file('../packages/lovage/dist/index.js'))})
       const app = new Lovage('growth', { broker: ${JSON.stringify(url)}, backend: 'disabled://', taskDefaultQueue: 'bench', env: {} })
       for (let sent = 0; sent < ${tasks}; sent += 1000)
         await Promise.all(Array.from({ length: 1000 }, () => app.sendTask('growth.noop', { args: [1], ignoreResult: true })))
       await app.close()`,
    ],
    { stdio: ['ignore', 'ignore', 'inherit'] },
  )
  if (producer.status !== 0) throw new Error('growth workers: the producer failed')
  const left = () => Number(command('llen', 'bench'))
  for (const each of all) each.go()
  const [high, low] = [tasks * 0.75, tasks * 0.1]
  let [from, fromLeft] = [0, 0]
  for (;;) {
    const now = left()
    if (from === 0 && now <= high) [from, fromLeft] = [performance.now(), now]
    if (now <= low) {
      const perSecond = (fromLeft - now) / ((performance.now() - from) / 1000)
      for (const each of all) await each.end()
      return { perSecond }
    }
    await pause(5)
  }
}

/** CPU of each side, and bytes, for one task. */
function cost({ peer, url, command, tasks }) {
  const measured = (scenario, count) => {
    const { stdout, status, stderr } = spawnSync(
      process.execPath,
      [file('child.mjs'), peer, scenario, url, String(count)],
      { encoding: 'utf8', timeout: 180_000 },
    )
    if (status !== 0) throw new Error(`cost ${peer}: ${stderr}`)
    return JSON.parse(stdout.trim().split('\n').at(-1))
  }
  command('flushall')
  const empty = Number(info(command, 'memory').used_memory)
  const published = measured('publish', tasks)
  const stored = (Number(info(command, 'memory').used_memory) - empty) / published.sent
  command('flushall')
  const [cpu, net] = [serverCpu(command), info(command, 'stats')]
  const run = measured('run', tasks)
  const all = run.ran
  const after = info(command, 'stats')
  const bytes = (name) => (Number(after[name]) - Number(net[name])) / all
  return {
    peer: run.peer,
    producerMicros: published.cpuMicros,
    workerMicros: run.cpuMicros,
    serverMicros: ((serverCpu(command) - cpu) * 1e6) / all,
    sentBytes: bytes('total_net_input_bytes'),
    receivedBytes: bytes('total_net_output_bytes'),
    storedBytes: stored,
  }
}

/** For the page. */
export function growthTables(samples) {
  const of = (scenario) => samples.filter((sample) => sample.scenario === scenario)
  const table = (head, rows) => [`| ${head.join(' | ')} |`, `|${'---|'.repeat(head.length)}`, ...rows, '']
  const row = (...cells) => `| ${cells.join(' | ')} |`
  const against = (first, value) => `${(value / first).toFixed(2)}×`
  const rateRows = (own) =>
    own.map(({ size, perSecond }) =>
      row(thousands(size), thousands(perSecond), against(own[0].perSecond, perSecond)),
    )
  const queueRows = ['Redis', 'SQLite'].flatMap((on) => {
    const own = of('queues').filter((sample) => sample.on === on)
    return own.map(({ size, perSecond, p50 }) =>
      row(
        on,
        thousands(size),
        thousands(perSecond),
        against(own[0].perSecond, perSecond),
        `${p50.toFixed(2)} ms`,
      ),
    )
  })
  return [
    ...table(['messages waiting', 'run/s', 'to the first'], rateRows(of('backlog'))),
    ...table(['delayed messages beside them', 'run/s', 'to the first'], rateRows(of('delayed'))),
    ...table(['store', 'queues of one worker', 'run/s', 'to one queue', 'enqueue → start, p50'], queueRows),
    ...table(
      ['idle workers', 'commands a second, each', 'CPU of the server'],
      of('idle').map(({ size, commandsPerSecond, serverPercent }) =>
        row(size, commandsPerSecond.toFixed(1), `${serverPercent.toFixed(1)} %`),
      ),
    ),
    ...table(
      ['revokes remembered', 'CPU of one more, worker and caller', 'longest wait of the loop'],
      of('revokes').map(({ size, cpuMs, longestMs }) =>
        row(thousands(size), `${cpuMs.toFixed(2)} ms`, `${longestMs.toFixed(0)} ms`),
      ),
    ),
    ...table(
      ['bytes of the argument', 'Lovage, run/s', 'BullMQ, run/s', 'Lovage to it'],
      SIZES.payload.map((size) => {
        const [ours, theirs] = ['Lovage', 'BullMQ'].map(
          (peer) =>
            of('payload').find((sample) => sample.peer === peer && sample.size === size)?.perSecond ?? 0,
        )
        return row(thousands(size), thousands(ours), thousands(theirs), against(theirs, ours))
      }),
    ),
    ...table(['workers on one server', 'run/s', 'to one'], rateRows(of('workers'))),
    ...table(
      ['one task', 'producer', 'worker', 'server', 'bytes to the server', 'bytes from it', 'bytes stored'],
      of('cost').map((sample) =>
        row(
          sample.peer,
          ...[sample.producerMicros, sample.workerMicros, sample.serverMicros].map(
            (us) => `${us.toFixed(1)} µs`,
          ),
          ...[sample.sentBytes, sample.receivedBytes, sample.storedBytes].map(thousands),
        ),
      ),
    ),
    ...Object.keys(growthCharts(samples)).map((name) => `![${name.slice(0, -4)}](${name})`),
    '',
  ]
}
