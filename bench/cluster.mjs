// What a task costs where queues are spread over three nodes of a Redis Cluster, beside one Redis with the same queues; interleaved.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { createJiti } from 'jiti'
import { median } from './figures.mjs'
import { measureChild } from './measure-child.mjs'
import { commandOf, info, isInstalled, serverCpu } from './redis-server.mjs'

const QUEUES_A_NODE = 4
const CHILD = fileURLToPath(new URL('cluster-child.mjs', import.meta.url))
const IDLE_WORKERS = 10
const SETTLED_MS = 5_000
const WATCHED_S = 20
const SINGLE = 'one Redis'
const CLUSTER = 'a Cluster of three'

/** The samples of both, in rounds. */
export async function measureCluster({ rounds, count }) {
  if (!isInstalled()) {
    console.error('redis-server is not installed: the Cluster is left out')
    return []
  }
  const { startCluster, startRedis } = await createJiti(import.meta.url).import('../test/servers.ts')
  const samples = []
  const single = await startRedis()
  const cluster = await startCluster().catch(async (error) => {
    await single.stop()
    throw error
  })
  try {
    const queues = await spreadQueues(cluster)
    const of = {
      [SINGLE]: { url: single.url, settings: {}, nodes: [single] },
      [CLUSTER]: {
        url: cluster.url(),
        settings: { brokerTransportOptions: { cluster: 'slot-per-queue' } },
        nodes: cluster.servers,
      },
    }
    for (const _ of rounds)
      for (const [on, { nodes, ...told }] of Object.entries(of))
        samples.push({ on, scenario: 'cost', ...(await cost({ nodes, told: { ...told, queues, count } })) })
    for (const [on, { nodes, ...told }] of Object.entries(of))
      samples.push({ on, scenario: 'idle', ...(await idle({ nodes, told: { ...told, queues } })) })
  } finally {
    await Promise.all([single.stop(), cluster.stop()])
  }
  return samples
}

/** Names that give each node as many queues as the others. */
async function spreadQueues(cluster) {
  const found = new Map(cluster.servers.map((server) => [server, []]))
  for (let n = 0; [...found.values()].some(({ length }) => length < QUEUES_A_NODE); n++) {
    const own = found.get(await cluster.ownerOf(`{lovage:bench-${n}}:`))
    if (own.length < QUEUES_A_NODE) own.push(`bench-${n}`)
  }
  const names = [...found.values()]
  return names[0].flatMap((_, at) => names.map((own) => own[at]))
}

async function cost({ nodes, told }) {
  const commands = nodes.map(({ port }) => commandOf(port))
  for (const command of commands) command('flushall')
  const before = commands.map(serverCpu)
  const figures = await measureChild('cluster-child.mjs', 'cost', told)
  const spent = commands.map((command, at) => serverCpu(command) - before[at])
  const perNode = spent.map((seconds) => (seconds * 1e6) / (figures.ran / nodes.length))
  return { ...figures, serverMicros: median(perNode), dearestMicros: Math.max(...perNode) }
}

/** Commands a second of each idle worker at each node. */
async function idle({ nodes, told }) {
  const commands = nodes.map(({ port }) => commandOf(port))
  for (const command of commands) command('flushall')
  const child = spawn(process.execPath, [CHILD, 'idle', JSON.stringify({ ...told, count: IDLE_WORKERS })], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  try {
    await once(child.stdout, 'data')
    await pause(SETTLED_MS)
    const count = () => commands.map((command) => Number(info(command, 'stats').total_commands_processed))
    const before = count()
    const cpu = commands.map(serverCpu)
    await pause(WATCHED_S * 1000)
    // The looks at the counters are two commands themselves.
    const perSecond = count().map((after, at) => (after - before[at] - 2) / WATCHED_S / IDLE_WORKERS)
    const percents = commands.map((command, at) => ((serverCpu(command) - cpu[at]) / WATCHED_S) * 100)
    const sample = { perSecond: median(perSecond), most: Math.max(...perSecond), percent: median(percents) }
    console.error('idle', JSON.stringify(sample))
    return sample
  } finally {
    const gone = once(child, 'close')
    child.stdin.end()
    await gone
  }
}

/** For the page. */
export function clusterTables(samples) {
  const of = (on, scenario) => samples.filter((sample) => sample.on === on && sample.scenario === scenario)
  const ratio = (figure) => {
    const [one, three] = [SINGLE, CLUSTER].map((on) => median(of(on, 'cost').map((sample) => sample[figure])))
    return `${(three / one).toFixed(2)}×`
  }
  const figures = ['producerMicros', 'workerMicros', 'clientMicros', 'serverMicros', 'dearestMicros']
  const rows = [SINGLE, CLUSTER].map((on) => {
    const own = figures.map((figure) => median(of(on, 'cost').map((sample) => sample[figure])))
    return `| ${[on, ...own.map((micros) => `${micros.toFixed(1)} µs`)].join(' | ')} |`
  })
  return [
    '| one task | producer | worker | both | its node | the dearest node |',
    '|---|---|---|---|---|---|',
    ...rows,
    `| ${['the Cluster to one Redis', ...figures.map(ratio)].join(' | ')} |`,
    '',
    '| idle workers of all queues | commands a second, each, at a node | at the busiest node | CPU of a node |',
    '|---|---|---|---|',
    ...[SINGLE, CLUSTER].flatMap((on) =>
      of(on, 'idle').map(
        ({ perSecond, most, percent }) =>
          `| ${IDLE_WORKERS} on ${on} | ${perSecond.toFixed(1)} | ${most.toFixed(1)} | ${percent.toFixed(1)} % |`,
      ),
    ),
  ]
}
