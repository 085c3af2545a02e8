// Turns samples into the page that people read: medians over the rounds, ratios within the same run.
import { eventsSection } from './events.mjs'

const TITLES = {
  publish: 'publish/s',
  run: 'run/s, late ack, no results',
  results: 'run/s, late ack, with results',
  loop: 'publish and run at once, tasks/s',
}
function median(numbers) {
  const sorted = [...numbers].sort((a, b) => a - b)
  const middle = (sorted.length - 1) / 2
  return (sorted[Math.floor(middle)] + sorted[Math.ceil(middle)]) / 2
}
const thousands = (number) => Math.round(number).toLocaleString('en-US')

export function report(samples, { rounds, count, machine, redis, date }) {
  const lines = [
    '# Measured',
    '',
    `${date}, \`npm run bench\`, ${machine}${redis ? `, Redis ${redis} without persistence` : ''}.`,
    `One process a figure; peers interleaved, warmed up by a tenth, ${thousands(count)} no-op tasks each, median of ${rounds} rounds (lowest–highest).`,
    'Concurrency 100 for Lovage, BullMQ and bee-queue; celery-node has no limit and acknowledges by popping; Python Celery runs prefork with 2.',
    'On PostgreSQL all peers are in their batched modes: 500 tasks at hand, concurrency 100 for Lovage and graphile-worker; pg-boss fetches and completes 500 at a time, twice at once.',
    '“Bare driver” sends the same commands with the same bytes through the same client library, and does nothing else.',
    '',
  ]
  const events = samples.filter(({ family }) => family === 'events')
  const others = samples.filter(({ family }) => family !== 'events')
  for (const family of new Set(others.map((sample) => sample.family))) {
    lines.push(`## ${family}`, '')
    const ofFamily = others.filter((sample) => sample.family === family)
    for (const scenario of new Set(ofFamily.map((sample) => sample.scenario))) {
      const ofScenario = ofFamily.filter((sample) => sample.scenario === scenario)
      lines.push(...tableOf(scenario, ofScenario), '')
    }
  }
  if (events.length > 0) lines.push(...eventsSection(events))
  return `${lines.join('\n').trimEnd()}\n`
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
