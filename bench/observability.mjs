// What metrics and traces cost a worker: neither, metrics on and scraped each second, traces of OpenTelemetry's SDK of which one in a hundred
// is kept; interleaved.
import { spawn, spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { median, percent, thousands } from './figures.mjs'
import { freePort } from './redis-server.mjs'

const CHILD = fileURLToPath(new URL('child.mjs', import.meta.url))
const VARIANTS = { off: 'neither', metrics: 'metrics', traces: 'traces, 1 % kept' }

/** A scrape a second, and what starts with the first, must not be a large share of a short run. */
const LONGER = 4

/** One sample of each variant. Each round begins with another one, so that none has the warmer machine. */
export async function measureObservability({ url, clear, count, round }) {
  const variants = Object.keys(VARIANTS)
  const samples = []
  for (const variant of [...variants.slice(round % 3), ...variants.slice(0, round % 3)]) {
    clear()
    samples.push(await measure(variant, url, LONGER * count))
  }
  return samples
}

async function measure(variant, url, count) {
  const port = variant === 'metrics' ? await freePort() : undefined
  const scraper = port && startScraper(port)
  const { stdout, stderr, status } = spawnSync(
    process.execPath,
    [CHILD, 'lovage', 'run', url, String(count)],
    {
      encoding: 'utf8',
      timeout: 180_000,
      env: { ...process.env, BENCH_OBSERVE: variant, BENCH_METRICS_PORT: String(port ?? '') },
    },
  )
  scraper?.kill()
  const line = stdout?.trim().split('\n').at(-1)
  if (status !== 0 || !line) throw new Error(`${variant}: ${stderr}`)
  const { perSecond, cpuMicros } = JSON.parse(line)
  console.error(
    `${VARIANTS[variant]}: ${Math.round(perSecond)}/s, ${cpuMicros.toFixed(1)} µs of the processor a task`,
  )
  return { variant, perSecond, cpuMicros }
}

const startScraper = (port) =>
  spawn(
    process.execPath,
    [
      '-e',
      `setInterval(() => fetch('http://127.0.0.1:${port}/metrics').then((r) => r.text()).catch(() => {}), 1000)`,
    ],
    { stdio: 'ignore' },
  )

/** The table of the page. */
export function observabilityTable(samples) {
  const figure = (variant, what) =>
    median(samples.filter((one) => one.variant === variant).map((one) => one[what]))
  const row = (variant) => {
    const [rate, cpu] = ['perSecond', 'cpuMicros'].map((what) => figure(variant, what))
    const [cost, cpuCost] =
      variant === 'off'
        ? ['', '']
        : [
            percent(1 - rate / figure('off', 'perSecond'), 1),
            percent(cpu / figure('off', 'cpuMicros') - 1, 1),
          ]
    return `| ${VARIANTS[variant]} | ${thousands(rate)} | ${cost} | ${cpu.toFixed(1)} µs | ${cpuCost} |`
  }
  return [
    'Run/s on Redis, late ack, no results; four times as many tasks a figure.',
    '',
    '| on | run/s | cost | processor a task | more |',
    '|---|---|---|---|---|',
    ...Object.keys(VARIANTS).map(row),
  ]
}
