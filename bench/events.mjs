// npm run bench:events [-- --rounds 3 --count 50000 --write]: what task events cost a worker: none told, told with nobody listening, told
// with one monitor listening in another process; interleaved. With --write the section of bench/RESULTS.md is replaced.
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

const CHILD = fileURLToPath(new URL('child.mjs', import.meta.url))
const LISTENER = fileURLToPath(new URL('events-listener.mjs', import.meta.url))
const TITLE = '## What task events cost'
const VARIANTS = { off: 'no events', on: 'events, nobody listens', heard: 'events, one listens' }

/** One sample of each variant. `clear` empties the broker. */
export async function measureEvents({ on, urlOf, clear, count }) {
  const samples = []
  for (const variant of Object.keys(VARIANTS)) {
    clear()
    const url = urlOf(variant)
    const listener = variant === 'heard' ? await startListener(url) : undefined
    const { stdout, stderr, status } = spawnSync(
      process.execPath,
      [CHILD, 'lovage', 'run', url, String(count)],
      {
        encoding: 'utf8',
        timeout: 180_000,
        env: { ...process.env, BENCH_EVENTS: variant === 'off' ? '0' : '1' },
      },
    )
    const heard = await listener?.stop()
    const line = stdout?.trim().split('\n').at(-1)
    if (status !== 0 || !line) throw new Error(`events ${variant} on ${on}: ${stderr}`)
    const { perSecond } = JSON.parse(line)
    samples.push({
      family: 'events',
      on,
      variant,
      perSecond,
      count,
      ...(heard === undefined ? {} : { heard }),
    })
    console.error(
      `events on ${on}: ${VARIANTS[variant]}: ${Math.round(perSecond)} tasks/s${heard === undefined ? '' : `, ${heard} events heard`}`,
    )
  }
  return samples
}

async function startListener(url) {
  const child = spawn(process.execPath, [LISTENER, url], { stdio: ['pipe', 'pipe', 'inherit'] })
  let said = ''
  child.stdout.setEncoding('utf8').on('data', (text) => (said += text))
  await new Promise((resolve) => child.stdout.once('data', resolve))
  return {
    async stop() {
      const gone = new Promise((resolve) => child.once('close', resolve))
      child.stdin.end()
      await gone
      return Number(said.trim().split('\n').at(-1))
    },
  }
}

/** The section of the page. */
export function eventsSection(samples) {
  const lines = [
    TITLE,
    '',
    'Run/s of no-op tasks, late ack, no results, the three ways interleaved; three events a task. The listener is a process of its own.',
    '',
    '| on | no events | events, nobody listens | cost | events, one listens | cost | of the events heard |',
    '|---|---|---|---|---|---|---|',
  ]
  for (const on of new Set(samples.map((sample) => sample.on))) {
    const of = (variant) => samples.filter((sample) => sample.on === on && sample.variant === variant)
    const rate = (variant) => median(of(variant).map(({ perSecond }) => perSecond))
    const cost = (variant) => `${Math.round((1 - rate(variant) / rate('off')) * 100)} %`
    const heard = of('heard')
    const share = median(heard.map((one) => one.heard / (one.count * 1.1 * 3)))
    lines.push(
      `| ${on} | ${thousands(rate('off'))} | ${thousands(rate('on'))} | ${cost('on')} | ${thousands(rate('heard'))} | ${cost('heard')} | ${Math.round(share * 100)} % |`,
    )
  }
  return lines
}

function median(numbers) {
  const sorted = [...numbers].sort((a, b) => a - b)
  const middle = (sorted.length - 1) / 2
  return (sorted[Math.floor(middle)] + sorted[Math.ceil(middle)]) / 2
}
const thousands = (number) => Math.round(number).toLocaleString('en-US')

/** A file of its own for each sample. */
export function fileFor(folder) {
  let files = 0
  return {
    urlOf: () => `sqlite://${join(folder, `events-${++files}.db`)}`,
    clear() {},
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main()

async function main() {
  const { values } = parseArgs({
    options: {
      rounds: { type: 'string', default: '3' },
      count: { type: 'string', default: '50000' },
      write: { type: 'boolean', default: false },
    },
  })
  const { withRedis } = await import('./redis-server.mjs')
  const folder = mkdtempSync(join(tmpdir(), 'lovage-bench-'))
  const count = Number(values.count)
  const samples = []
  try {
    await withRedis(folder, async (url, redis) => {
      for (let round = 0; round < Number(values.rounds); round++) {
        const clear = () => redis('flushall')
        samples.push(...(await measureEvents({ on: 'Redis', urlOf: () => url, clear, count })))
        samples.push(
          ...(await measureEvents({ on: 'SQLite, synchronous=NORMAL', ...fileFor(folder), count })),
        )
      }
    })
  } finally {
    rmSync(folder, { recursive: true })
  }
  const section = eventsSection(samples)
  console.log(section.join('\n'))
  if (values.write) write(samples, section)
}

function write(samples, section) {
  const page = new URL('RESULTS.md', import.meta.url)
  const data = new URL('results.json', import.meta.url)
  const text = existsSync(page) ? readFileSync(page, 'utf8') : '# Measured\n'
  const [before, after = ''] = text.split(TITLE)
  const rest = after.slice(Math.max(0, after.indexOf('\n## ')))
  const kept = after.includes('\n## ') ? rest : ''
  writeFileSync(page, `${before.trimEnd()}\n\n${section.join('\n')}\n${kept}`)
  const others = existsSync(data) ? JSON.parse(readFileSync(data, 'utf8')) : []
  const all = [...others.filter(({ family }) => family !== 'events'), ...samples]
  writeFileSync(data, `${JSON.stringify(all, null, 1)}\n`)
}
