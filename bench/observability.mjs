// npm run bench:observability [-- --rounds 5 --count 50000 --write]: what metrics and traces cost a worker: neither, metrics on and scraped
// each second, traces of OpenTelemetry's SDK of which one in a hundred is kept; interleaved. With --write the section of bench/RESULTS.md is
// replaced.
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { withRedis } from './redis-server.mjs'

const CHILD = fileURLToPath(new URL('child.mjs', import.meta.url))
const TITLE = '## What metrics and traces cost'
const VARIANTS = { off: 'neither', metrics: 'metrics', traces: 'traces, 1 % kept' }

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    count: { type: 'string', default: '50000' },
    write: { type: 'boolean', default: false },
  },
})
const count = Number(values.count)
const folder = mkdtempSync(join(tmpdir(), 'lovage-bench-'))
const samples = []
try {
  await withRedis(folder, async (url, redis) => {
    for (let round = 0; round < Number(values.rounds); round++) {
      // Each round begins with another one, so that none has the warmer machine.
      const variants = Object.keys(VARIANTS)
      for (const variant of [...variants.slice(round % 3), ...variants.slice(0, round % 3)]) {
        redis('flushall')
        samples.push(await measure(variant, url))
      }
    }
  })
} finally {
  rmSync(folder, { recursive: true })
}
const section = sectionOf(samples)
console.log(section.join('\n'))
if (values.write) write(section)

async function measure(variant, url) {
  const port = variant === 'metrics' ? await freePort() : undefined
  const scraper =
    port &&
    spawn(
      process.execPath,
      [
        '-e',
        `setInterval(() => fetch('http://127.0.0.1:${port}/metrics').then((r) => r.text()).catch(() => {}), 1000)`,
      ],
      { stdio: 'ignore' },
    )
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
    `${VARIANTS[variant]}: ${Math.round(perSecond)} tasks/s, ${cpuMicros.toFixed(1)} µs of the processor a task`,
  )
  return { variant, perSecond, cpuMicros }
}

function sectionOf(samples) {
  const figure = (variant, what) =>
    median(samples.filter((one) => one.variant === variant).map((one) => one[what]))
  const percent = (share) => `${(share * 100).toFixed(1)} %`
  const row = (variant) => {
    const [rate, cpu] = ['perSecond', 'cpuMicros'].map((what) => figure(variant, what))
    const [cost, cpuCost] =
      variant === 'off'
        ? ['', '']
        : [percent(1 - rate / figure('off', 'perSecond')), percent(cpu / figure('off', 'cpuMicros') - 1)]
    return `| ${VARIANTS[variant]} | ${Math.round(rate).toLocaleString('en-US')} | ${cost} | ${cpu.toFixed(1)} µs | ${cpuCost} |`
  }
  return [
    TITLE,
    '',
    `Run/s of ${count.toLocaleString('en-US')} no-op tasks on Redis, late ack, no results; ${values.rounds} interleaved rounds, medians; \`npm run bench:observability\`, ${new Date().toISOString().slice(0, 10)}, Node ${process.version}.`,
    '',
    '| on | run/s | cost | processor a task | more |',
    '|---|---|---|---|---|',
    ...Object.keys(VARIANTS).map(row),
  ]
}

function write(lines) {
  const page = new URL('RESULTS.md', import.meta.url)
  const text = existsSync(page) ? readFileSync(page, 'utf8') : '# Measured\n'
  const [before, after = ''] = text.split(TITLE)
  const next = after.indexOf('\n## ')
  const rest = next < 0 ? '' : after.slice(next)
  writeFileSync(page, `${before.trimEnd()}\n\n${lines.join('\n')}\n${rest}`)
}

function median(numbers) {
  const sorted = [...numbers].sort((a, b) => a - b)
  const middle = (sorted.length - 1) / 2
  return (sorted[Math.floor(middle)] + sorted[Math.ceil(middle)]) / 2
}

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const { port } = server.address()
  await new Promise((resolve) => server.close(resolve))
  return port
}
