// What the dashboard costs: events of a burst into its lasting history, pages of a long history beside those of a short one, and rest.
import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { median, thousands } from './figures.mjs'

/** Of the processor's time in /proc, on Linux. */
const TICK_MS = 10
const LOVAGE = fileURLToPath(new URL('../packages/lovage/bin/lovage.js', import.meta.url))
const CHILD = fileURLToPath(new URL('dashboard-child.mjs', import.meta.url))
/** Flower 2 of 2026-08, measured on a machine of this kind with the same broker: nothing of it is kept. */
const FLOWER = { eventsPerCpuSecond: 17_500, bytesPerTask: 5_800, idleBytes: 73e6 }
const EVENTS_A_TASK = 4
const A_MESSAGE = 20
const PAGES = [
  '/',
  '/tasks',
  '/tasks?q=state:FAILURE',
  '/tasks?q=no+stock',
  '/tasks?q=user7@example.com',
  '/tasks?q=nowhere',
  '/workers',
  '/queues',
  '/workflows',
]
const REPEATS = 15

/** Samples of all three. `scale` 1 is 20,000 tasks in a burst and histories of 10^3 and 10^6. */
export async function measureDashboard({ url, folder, clear, rounds, scale }) {
  const samples = []
  for (const round of rounds) {
    clear()
    samples.push(await burst(url, `${folder}/burst-${round}`, Math.round(20_000 * scale)))
  }
  const sizes = [1_000, Math.max(2_000, Math.round(1_000_000 * scale))]
  for (const size of sizes) samples.push(...(await pages(url, `${folder}/pages-${size}`, size)))
  return samples
}

async function burst(url, folder, tasks) {
  const child = await serve(url, folder)
  const { Lovage } = await import('lovage')
  const { connectionsOf } = await import('lovage/driver')
  const app = new Lovage('bench', { broker: url, backend: url, env: {} })
  const broker = await connectionsOf(app).broker()
  const before = child.cost()
  const startMs = performance.now()
  let events = []
  let clock = 0
  const send = async () => {
    await broker.broadcast({
      headers: {},
      body: JSON.stringify(events),
      contentType: 'application/json',
      contentEncoding: 'utf-8',
      properties: { correlationId: null, replyTo: null, deliveryMode: 1 },
      exchange: 'celeryev',
      routingKey: 'task.multi',
    })
    events = []
  }
  for (let n = 0; n < tasks; n++) {
    const uuid = crypto.randomUUID()
    const common = { uuid, hostname: `w${n % 4}@box`, pid: 1, timestamp: Date.now() / 1000 }
    events.push(
      {
        type: 'task-sent',
        ...common,
        clock: ++clock,
        hostname: 'web@box',
        name: `shop.task${n % 20}`,
        args: `(${n}, 'ada')`,
        kwargs: '{}',
        queue: 'celery',
        root_id: uuid,
      },
      {
        type: 'task-received',
        ...common,
        clock: ++clock,
        name: `shop.task${n % 20}`,
        args: `(${n}, 'ada')`,
        kwargs: '{}',
        retries: 0,
        root_id: uuid,
      },
      { type: 'task-started', ...common, clock: ++clock },
      { type: 'task-succeeded', ...common, clock: ++clock, result: String(n), runtime: 0.01 },
    )
    if (events.length >= A_MESSAGE) await send()
  }
  if (events.length > 0) await send()
  const kept = async () => {
    const response = await fetch(`${child.url}tasks?limit=1&format=json`)
    return (await response.json()).data.size
  }
  let seen = 0
  for (const deadline = Date.now() + 120_000; seen < tasks && Date.now() < deadline; ) {
    await new Promise((resolve) => setTimeout(resolve, 500))
    seen = await kept()
  }
  const after = child.cost()
  const { succeeded } = await throughput(child.url)
  await child.end()
  await app.close()
  const sample = {
    what: 'burst',
    tasks,
    lost: tasks - Math.min(seen, succeeded),
    eventsPerCpuSecond: (tasks * EVENTS_A_TASK * 1000) / (after.cpuMs - before.cpuMs),
    eventsPerSecond: (tasks * EVENTS_A_TASK * 1000) / (performance.now() - startMs),
    rss: after.rss,
    idleRss: before.rss,
  }
  console.error(
    `dashboard: ${thousands(sample.eventsPerCpuSecond)} events a CPU second, ${Math.round(sample.rss / 1e6)} MB, ${sample.lost} lost`,
  )
  return sample
}

async function throughput(url) {
  const { data } = await (await fetch(`${url}?format=json`)).json()
  return { succeeded: data.throughput.reduce((sum, one) => sum + one.succeeded, 0) }
}

async function pages(url, folder, size) {
  const child = await start(url, folder)
  await child.ask(`fill ${size}`)
  const samples = []
  for (const page of PAGES) {
    const times = []
    for (let n = 0; n < REPEATS; n++) {
      const { ms, status } = await child.ask(`page ${page}`)
      if (status !== 200) throw new Error(`${page} answered ${status}`)
      times.push(ms)
    }
    samples.push({ what: 'page', page, size, ms: median(times) })
    console.error(`dashboard of ${thousands(size)} tasks: ${page} in ${median(times).toFixed(1)} ms`)
  }
  await child.end()
  return samples
}

/** The command as users start it. */
async function serve(url, folder) {
  const options = ['--port=0', `--db=${folder}/history`, '--unauthenticated-api']
  const argv = [LOVAGE, '-b', url, '--result-backend', url, 'dashboard', ...options]
  const child = spawn(process.execPath, argv, { stdio: ['ignore', 'ignore', 'pipe'] })
  let said = ''
  for await (const text of child.stderr.setEncoding('utf8')) {
    said += text
    if (/ is at \S+\n/.test(said)) break
  }
  const [, address] = / is at (\S+)\n/.exec(said) ?? []
  if (address === undefined) throw new Error(`the dashboard did not start: ${said}`)
  return {
    url: address,
    cost() {
      const fields = readFileSync(`/proc/${child.pid}/stat`, 'utf8').split(') ')[1].split(' ')
      const [, kilobytes] = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8')) ?? []
      return { cpuMs: (Number(fields[11]) + Number(fields[12])) * TICK_MS, rss: Number(kilobytes) * 1024 }
    },
    async end() {
      const gone = new Promise((resolve) => child.once('close', resolve))
      child.kill()
      await gone
    },
  }
}

async function start(url, folder) {
  const child = spawn(process.execPath, [CHILD, url, folder], { stdio: ['pipe', 'pipe', 'inherit'] })
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const next = async () => {
    const { value, done } = await lines.next()
    if (done) throw new Error('the dashboard has ended')
    return JSON.parse(value)
  }
  const first = await next()
  if (!first.ready) throw new Error('the dashboard is not ready')
  return {
    ask(line) {
      child.stdin.write(`${line}\n`)
      return next()
    },
    async end() {
      const gone = new Promise((resolve) => child.once('close', resolve))
      child.stdin.end('end\n')
      await gone
    },
  }
}

/** The tables of the page. */
export function dashboardTable(samples) {
  const bursts = samples.filter(({ what }) => what === 'burst')
  const figure = (name) => median(bursts.map((one) => one[name]))
  const tasks = bursts[0]?.tasks ?? 0
  const flowerRss = FLOWER.idleBytes + FLOWER.bytesPerTask * tasks
  const pagesOf = samples.filter(({ what }) => what === 'page')
  const sizes = [...new Set(pagesOf.map(({ size }) => size))].sort((one, other) => one - other)
  return [
    `A burst of ${thousands(tasks * EVENTS_A_TASK)} events of ${thousands(tasks)} tasks on Redis, every one of them in the lasting history. Flower 2 keeps nothing; its`,
    'figures are of 2026-08, of a machine of this kind.',
    '',
    '| | events a CPU second | resident memory | lost |',
    '|---|---|---|---|',
    `| lovage dashboard | ${thousands(figure('eventsPerCpuSecond'))} | ${Math.round(figure('rss') / 1e6)} MB | ${figure('lost')} |`,
    `| Flower 2 | ${thousands(FLOWER.eventsPerCpuSecond)} | ${Math.round(flowerRss / 1e6)} MB | |`,
    '',
    'Pages as JSON, median of the time from the request to the last byte, by how many tasks the history has.',
    '',
    `| page | ${sizes.map((size) => `${thousands(size)} tasks`).join(' | ')} | times |`,
    `|---|${sizes.map(() => '---|').join('')}---|`,
    ...[...new Set(pagesOf.map(({ page }) => page))].map((page) => {
      const times = sizes.map((size) =>
        median(pagesOf.filter((one) => one.page === page && one.size === size).map(({ ms }) => ms)),
      )
      return `| \`${page}\` | ${times.map((ms) => `${ms.toFixed(1)} ms`).join(' | ')} | ${((times.at(-1) ?? 0) / (times[0] || 1)).toFixed(1)} |`
    }),
  ]
}
