/**
 * `npm run simulate`: a day of load, a policy, and what comes of it: how long tasks wait, and how many hours of replicas that costs. The
 * costs of a worker are measured on this machine, or given: `-- --start 1.5 --task 0.0002`. `--pod 20` is what a cluster takes until a pod
 * runs; `--json` prints the rows.
 * `npm run simulate -- --nodes 100,1000`: what fleets without tasks cost one Redis, looked at
 * for `--idle 10` seconds.
 */
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { simulateDay } from './simulate/fleet.mjs'
import { loadPolicy, measureWorker } from './simulate/measure.mjs'

const HOUR_S = 3600
/** Loads of a day, in work: how many slots they keep busy on average. */
const CURVES = {
  // From 2 at night to 40 in the early afternoon.
  office: (second) => 21 + 19 * Math.sin((2 * Math.PI * (second / HOUR_S - 8)) / 24),
  // Little, and for five minutes of each hour a hundred.
  hourly: (second) => (second % HOUR_S < 300 ? 100 : 2),
  // One batch at two in the night.
  nightly: (second) => (second >= 2 * HOUR_S && second < 2 * HOUR_S + 60 ? 3000 : 1),
}
/** Kinds of tasks: their run time, and the slots of a replica. */
const TASKS = {
  'short (50 ms)': { runtimeS: 0.05, slots: 10 },
  'medium (2 s)': { runtimeS: 2, slots: 10 },
  'long (2 min)': { runtimeS: 120, slots: 4 },
}

/** Policies: the rule of thumb of many manuals, and options of `/scale/<queue>`. */
function policiesFor(desiredReplicas, { runtimeS, slots }) {
  const by = (options) => (load) => desiredReplicas(load, { slots, ...options })
  return {
    'a replica per 100 waiting': ({ backlog }) => Math.ceil(backlog / 100),
    'slots alone (the default)': by({}),
    'target=0.8': by({ target: 0.8 }),
    'runtime, within=60': by({ runtime: runtimeS }),
    'runtime, within=60, target=0.8': by({ runtime: runtimeS, target: 0.8 }),
    'runtime, within=30, target=0.8': by({ runtime: runtimeS, within: 30, target: 0.8 }),
    'runtime, within=30, target=0.5': by({ runtime: runtimeS, within: 30, target: 0.5 }),
  }
}

/** Every curve, kind of task and policy. */
export function simulateAll(desiredReplicas, { startS, taskS, podS }) {
  const rows = []
  for (const [curve, busy] of Object.entries(CURVES))
    for (const [kind, task] of Object.entries(TASKS)) {
      const runtimeS = task.runtimeS + taskS
      for (const [name, policy] of Object.entries(policiesFor(desiredReplicas, task))) {
        const day = simulateDay({
          rate: (second) => busy(second) / task.runtimeS,
          runtimeS,
          slots: task.slots,
          startS: Math.ceil(podS + startS),
          policy,
        })
        rows.push({
          curve,
          kind,
          policy: name,
          ...day,
          leastHours: (day.came * runtimeS) / task.slots / 3600,
        })
      }
    }
  return rows
}

/** The cheapest policy of each curve and kind of task under which 95 of 100 tasks wait no longer than this. */
export function winners(rows, mostWaitS) {
  const best = new Map()
  for (const row of rows) {
    const place = `${row.curve}, ${row.kind}`
    if (
      row.p95 > mostWaitS ||
      row.replicaHours >= (best.get(place)?.replicaHours ?? Number.POSITIVE_INFINITY)
    )
      continue
    best.set(place, row)
  }
  return best
}

/** A wait that callers of background tasks accept. */
export const MOST_WAIT_S = 60

function printed(rows) {
  const best = new Set(winners(rows, MOST_WAIT_S).values())
  const lines = []
  for (const [place, row] of rows.entries()) {
    const { curve, kind } = row
    if (place === 0 || rows[place - 1].curve !== curve || rows[place - 1].kind !== kind)
      lines.push(
        '',
        `${curve}, ${kind}: ${row.came} tasks, at least ${row.leastHours.toFixed(1)} replica hours`,
        `  ${'policy'.padEnd(32)}${['wait p50', 'p95', 'p99', 'longest', 'hours', 'peak'].map((one) => one.padStart(9)).join('')}`,
      )
    const waits = [row.p50, row.p95, row.p99, row.longest].map((seconds) => `${seconds} s`)
    lines.push(
      `  ${row.policy.padEnd(32)}${[...waits, row.replicaHours.toFixed(1), String(row.peak)].map((one) => one.padStart(9)).join('')}${best.has(row) ? '  *' : ''}`,
    )
  }
  lines.push('', `* the cheapest of those under which 95 of 100 tasks wait at most ${MOST_WAIT_S} s`)
  return lines.join('\n')
}

async function simulateFleets(sizes, idleMs) {
  // Only here: it needs a Redis.
  const { printedNodes, simulateNodes } = await import('./simulate/nodes.mjs')
  for (const size of sizes.split(',').map(Number)) {
    if (!(size >= 1 && Number.isInteger(size))) throw new Error(`${sizes} are not numbers of nodes`)
    console.log(printedNodes([await simulateNodes(size, idleMs)]))
  }
}

async function main() {
  const { values } = parseArgs({
    options: {
      start: { type: 'string' },
      task: { type: 'string' },
      pod: { type: 'string', default: '20' },
      json: { type: 'boolean', default: false },
      nodes: { type: 'string' },
      idle: { type: 'string', default: '10' },
    },
  })
  if (values.nodes !== undefined) return simulateFleets(values.nodes, 1000 * Number(values.idle))
  const measured =
    values.start !== undefined && values.task !== undefined
      ? { startS: Number(values.start), taskS: Number(values.task) }
      : await measureWorker()
  const costs = { ...measured, podS: Number(values.pod) }
  for (const [name, value] of Object.entries(costs))
    if (!(value >= 0)) throw new Error(`${name} is not a number of seconds`)
  const rows = simulateAll(await loadPolicy(), costs)
  if (values.json) return console.log(JSON.stringify({ costs, rows }))
  console.log(
    `A worker starts in ${costs.startS.toFixed(2)} s and spends ${(costs.taskS * 1000).toFixed(3)} ms of its processor on a task; a pod takes ${costs.podS} s more.`,
  )
  console.log(printed(rows))
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main()
