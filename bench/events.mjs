// What task events cost a worker: none told, told with nobody listening, told with one monitor listening in another process; interleaved.
import { spawn, spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { median, percent, thousands } from './figures.mjs'

const CHILD = fileURLToPath(new URL('child.mjs', import.meta.url))
const LISTENER = fileURLToPath(new URL('events-listener.mjs', import.meta.url))
const EVENTS_A_TASK = 3
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
    const { perSecond, ran } = JSON.parse(line)
    samples.push({
      on,
      variant,
      perSecond,
      ...(heard === undefined ? {} : { heard, told: ran * EVENTS_A_TASK }),
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

/** The table of the page. */
export function eventsTable(samples) {
  const lines = [
    'Run/s of no-op tasks, late ack, no results, the three ways interleaved; three events a task. The listener is a process of its own.',
    '',
    '| on | no events | events, nobody listens | cost | events, one listens | cost | of the events heard |',
    '|---|---|---|---|---|---|---|',
  ]
  for (const on of new Set(samples.map((sample) => sample.on))) {
    const of = (variant) => samples.filter((sample) => sample.on === on && sample.variant === variant)
    const rate = (variant) => median(of(variant).map(({ perSecond }) => perSecond))
    const cost = (variant) => percent(1 - rate(variant) / rate('off'))
    const share = percent(median(of('heard').map(({ told, heard }) => heard / told)))
    lines.push(
      `| ${on} | ${thousands(rate('off'))} | ${thousands(rate('on'))} | ${cost('on')} | ${thousands(rate('heard'))} | ${cost('heard')} | ${share} |`,
    )
  }
  return lines
}

let files = 0
/** A file of its own for each sample. */
export const fileFor = (folder) => ({
  urlOf: () => `sqlite://${join(folder, `${++files}.db`)}`,
  clear() {},
})
