// A dashboard in a process of its own, asked without a network. argv: broker URL, folder of the history. Each line of its input is
// `fill N`, which writes N tasks, `page PATH`, which tells how long a page took, or `end`.
import { createInterface } from 'node:readline'
import { dashboardApp, openDashboard } from '@lovage/dashboard'
import { Lovage } from 'lovage'

const [url, folder] = process.argv.slice(2)
const app = new Lovage('bench', { broker: url, backend: url, env: {}, logger: silent() })
const say = (value) => console.log(JSON.stringify(value))

const dashboard = await openDashboard({
  fleets: [{ name: 'main', app }],
  db: `${folder}/history`,
  enableEvents: false,
})
const pages = dashboardApp(dashboard, {
  access: async (c, next) => {
    c.set('person', { name: 'bench', role: 'viewer' })
    await next()
  },
  views: {},
})
say({ ready: true })
for await (const line of createInterface({ input: process.stdin })) {
  const [word, rest] = [line.slice(0, line.indexOf(' ')), line.slice(line.indexOf(' ') + 1)]
  if (line === 'end') break
  if (word === 'fill') await fill(dashboard.fleetOf(undefined), Number(rest))
  if (word === 'page') {
    const startMs = performance.now()
    const response = await pages.request(rest)
    await response.arrayBuffer()
    say({ ms: performance.now() - startMs, status: response.status })
  } else say({ done: true })
}
await dashboard.close()
await app.close()

/** Tasks as a fleet of twenty kinds tells them: one of a thousand fails. */
async function fill({ intake, app: { clock } }, count) {
  let tick = 0
  for (let n = 0; n < count; n++) {
    for (const event of eventsOf(n)) intake.gathering.add({ ...event, clock: ++tick }, clock.now())
    if (n % 500 === 499) await intake.flush()
  }
  await intake.flush()
}

function eventsOf(n) {
  const uuid = `${String(n).padStart(8, '0')}-aaaa-4bbb-8ccc-${(n * 2654435761) % 2 ** 32}`
  const timestamp = Date.now() / 1000
  const common = { uuid, hostname: `w${n % 7}@box`, pid: 1, timestamp }
  const last =
    n % 1000 === 7
      ? { type: 'task-failed', exception: `ValueError('no stock of ${n}')`, traceback: 'Traceback' }
      : { type: 'task-succeeded', result: String(n), runtime: 0.01 }
  return [
    {
      type: 'task-received',
      ...common,
      name: `shop.task${n % 20}`,
      args: `(${n}, 'user${n}@example.com')`,
      kwargs: '{}',
      root_id: uuid,
    },
    { type: 'task-started', ...common },
    { ...last, ...common },
  ]
}

function silent() {
  const nothing = () => {}
  return { trace: nothing, debug: nothing, info: nothing, warn: nothing, error: nothing, fatal: nothing }
}
