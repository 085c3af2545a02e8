// Turns samples into the page that people read: medians over the rounds, ratios within the same run.
import { clusterTables } from './cluster.mjs'
import { dashboardTable } from './dashboard.mjs'
import { eventsTable } from './events.mjs'
import { median, thousands } from './figures.mjs'
import { growthTables } from './growth.mjs'
import { observabilityTable } from './observability.mjs'
import { poolsTables, soakTable } from './pools-report.mjs'
import { systemsTables } from './systems.mjs'
import { webhooksTables } from './webhooks.mjs'

const TITLES = {
  publish: 'publish/s',
  run: 'run/s, late ack, no results',
  results: 'run/s, late ack, with results',
  loop: 'publish and run at once, tasks/s',
}

/** What a family's section is called, what is said of it, and what makes its tables (default: one for each scenario). */
const FAMILIES = {
  redis: {
    title: 'Redis, without persistence',
    notes: [
      'Concurrency 100 for Lovage, BullMQ and bee-queue; celery-node has no limit and acknowledges by popping; Python Celery runs prefork with 2.',
      '“Bare driver” is the fastest that can be written on this wire with the same client library: acknowledgements and the next claim in one',
      'script, two of them under way, messages unparsed, and no leases, retries, limits or routes.',
    ],
  },
  cluster: {
    title: 'A Redis Cluster',
    notes: [
      'Processor time, not speed: three nodes with a slot per queue, and a single one, on the same two processors. Twelve queues of names that spread',
      'evenly, four a node; the tasks go round them. Concurrency 100, late ack. A server’s time is that of a task published, claimed and acknowledged.',
      'Idle workers read all twelve queues.',
    ],
    tables: clusterTables,
  },
  canvas: { title: 'Canvases on Redis', notes: [] },
  rabbitmq: {
    title: 'RabbitMQ',
    notes: [
      'Publishing waits for the confirms of the broker, celery-node’s excepted, which has none. “Bare driver” is amqplib with the same headers and',
      'bytes: one wait for the confirms of 1,000, one acknowledgement for all that came in a turn. It and Lovage hold up to 200 messages.',
    ],
  },
  postgres: {
    title: 'PostgreSQL, fsync=on',
    notes: [
      'All peers are in their batched modes: 500 tasks at hand, concurrency 100 for Lovage and graphile-worker; pg-boss fetches and completes 500 at a time, twice at once.',
      '“Bare driver” inserts an array by one prepared statement; one more deletes what has ended, stores results and marks the next 500, twice at once.',
    ],
  },
  sqlite: { title: 'SQLite, WAL', notes: [] },
  memory: { title: 'Memory', notes: [] },
  pools: { title: 'Pools', notes: [], tables: poolsTables },
  events: { title: 'What task events cost', notes: [], tables: eventsTable },
  dashboard: { title: 'What the dashboard costs', notes: [], tables: dashboardTable },
  observability: { title: 'What metrics and traces cost', notes: [], tables: observabilityTable },
  webhooks: {
    title: 'Webhooks',
    notes: [
      'A body of 1 KB, signed, to a receiver in a process of its own on loopback that answers 204; keep-alive, concurrency 100; a tenth as many',
      'webhooks a figure. `@lovage/webhooks` stores event, delivery and attempt. Hanging endpoints hang for their whole 30 s; 100 events, one every',
      '100 ms, go to each of 100 endpoints.',
    ],
    tables: webhooksTables,
  },
  systems: {
    title: 'The five systems',
    notes: [
      'Learning time: Redis and PostgreSQL, fsync=on; from the grade to the answer of a receiver on loopback, worker and sender in one process,',
      'concurrency 100, a tenth as many completions a figure. Monitoring: concurrency 100, rates off, pages on loopback. Files are read and written on',
      'the same disk; the library is told of every row and does nothing with it.',
    ],
    tables: systemsTables,
  },
  growth: {
    title: 'How figures grow',
    notes: [
      'Redis, unless said otherwise; concurrency 100. One round. Idle workers share processes, fifty in each.',
    ],
    tables: growthTables,
  },
  soak: { title: 'A long run', notes: [], tables: soakTable },
}

/** The whole page, of sections as the ledger keeps them. */
export function page(sections) {
  const lines = [
    '# Measured',
    '',
    '`npm run bench`. One process a figure, peers interleaved; medians of the rounds (lowest–highest). Publishing: a second of warm-up, then three',
    'seconds with 1,000 calls in flight. Running: all tasks are queued first, a fifth of as many more are run before the time is taken. Tasks do nothing.',
    '',
  ]
  for (const { family, date, commit, machine, rounds, count, samples } of sections) {
    const { title, notes, tables = scenarioTables } = FAMILIES[family]
    const how = [
      `${rounds} ${rounds === 1 ? 'round' : 'rounds'}`,
      ...(count ? [`${thousands(count)} tasks a figure`] : []),
    ]
    lines.push(`## ${title}`, '', `${date}, commit ${commit}, ${machine}; ${how.join(', ')}.`, ...notes, '')
    lines.push(...tables(samples), '')
  }
  return `${lines.join('\n').trimEnd()}\n`
}

function scenarioTables(samples) {
  const lines = []
  for (const on of new Set(samples.map((sample) => sample.on))) {
    if (on) lines.push(`### ${on}`, '')
    const here = samples.filter((sample) => sample.on === on)
    for (const scenario of new Set(here.map((sample) => sample.scenario)))
      lines.push(
        ...tableOf(
          scenario,
          here.filter((sample) => sample.scenario === scenario),
        ),
        '',
      )
  }
  return lines
}

function tableOf(scenario, samples) {
  if (scenario === 'latency') return latencyTable(samples)
  return samples.some(({ seconds }) => seconds !== undefined)
    ? durationTable(scenario, samples)
    : throughputTable(scenario, samples)
}

const DURATIONS = {
  chord: (count) => `a chord of ${thousands(count)} members and its body, seconds`,
  chain: (count) => `a chain of ${thousands(count)} steps, seconds`,
  group: (count) => `sending a group of ${thousands(count)}, seconds`,
}

function durationTable(scenario, samples) {
  const rows = byPeer(samples).map(([peer, of]) => ({
    peer,
    seconds: median(of.map(({ seconds }) => seconds)),
    growth: of[0].growthMb === undefined ? '' : median(of.map(({ growthMb }) => growthMb)),
  }))
  const ours = rows.find(({ peer }) => peer === 'Lovage')?.seconds
  return [
    `| ${DURATIONS[scenario](samples[0].count)} | median | Lovage is faster | memory it grew by, MB |`,
    '|---|---|---|---|',
    ...rows.map(
      ({ peer, seconds, growth }) =>
        `| ${peer} | ${seconds.toFixed(2)} | ${ours && peer !== 'Lovage' ? `${(seconds / ours).toFixed(1)}×` : ''} | ${growth} |`,
    ),
  ]
}

function throughputTable(scenario, samples) {
  const rows = byPeer(samples).map(([peer, of]) => {
    const rates = of.map(({ perSecond }) => perSecond)
    const memory = of.map(({ peakMb }) => peakMb).filter(Boolean)
    return {
      peer,
      rate: median(rates),
      low: Math.min(...rates),
      high: Math.max(...rates),
      memory: memory.length > 0 ? median(memory) : undefined,
    }
  })
  const ours = rows.find(({ peer }) => peer === 'Lovage')?.rate
  const table = rows.map(
    ({ peer, rate, low, high, memory }) =>
      `| ${peer} | ${thousands(rate)} (${thousands(low)}–${thousands(high)}) | ${ours && peer !== 'Lovage' ? `${(ours / rate).toFixed(2)}×` : ''} | ${memory ?? ''} |`,
  )
  return [`| ${TITLES[scenario]} | median (range) | Lovage to it | peak MB |`, '|---|---|---|---|', ...table]
}

function latencyTable(samples) {
  const rows = byPeer(samples).map(
    ([peer, of]) =>
      `| ${peer} | ${median(of.map(({ p50 }) => p50)).toFixed(2)} | ${median(of.map(({ p99 }) => p99)).toFixed(2)} |`,
  )
  return ['| enqueue → start on an idle worker, ms | p50 | p99 |', '|---|---|---|', ...rows]
}

function byPeer(samples) {
  const groups = new Map()
  for (const sample of samples) groups.set(sample.peer, [...(groups.get(sample.peer) ?? []), sample])
  return [...groups]
}
