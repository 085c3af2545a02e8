import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { newRingKey } from '@lovage/webhooks'
import Table from 'cli-table3'
import { until } from 'lovage/testing'
import { type Mood, Receiver } from './receiver.js'

const COUNT = 500
const WORKERS = 3
/** What happens when so many webhooks are delivered. */
const SCRIPT: readonly {
  readonly at: number
  readonly mood?: Mood
  readonly forMs?: number
  readonly kill?: boolean
  readonly say: string
}[] = [
  { at: 120, mood: 'failing', forMs: 1500, say: 'the receiver answers 503 for 1.5 s' },
  { at: 240, kill: true, say: 'worker 1 is killed with SIGKILL while it holds webhooks' },
  { at: 320, mood: 'stalling', forMs: 1500, say: 'the receiver stalls for 1.5 s' },
]

const { values } = parseArgs({
  options: { broker: { type: 'string' }, store: { type: 'string' }, help: { type: 'boolean' } },
})
if (values.help) {
  console.log(
    'npm run demo [-- --broker URL --store URL]\n\nDelivers 500 real webhook payloads through workers that are killed, to a receiver that fails and stalls.',
  )
  process.exit(0)
}

const folder = await mkdtemp(join(tmpdir(), 'lovage-demo-'))
const broker = values.broker ?? `sqlite://${join(folder, 'queue.db')}`
const store = values.store ?? `sqlite://${join(folder, 'webhooks.db')}`
process.env.CELERY_BROKER_URL = broker
process.env.LOVAGE_WEBHOOKS_STORE = store
process.env.LOVAGE_WEBHOOKS_KEYS = newRingKey('demo')
// The app looks for its broker and its store when it is made.
const { app, hooks } = await import('./app.js')
const receiver = new Receiver()
const address = await receiver.listen()

const short = (url: string): string => url.replace(folder, '<temporary folder>')
console.log(
  `${COUNT} payloads of GitHub's webhooks → ${short(store)} and ${short(broker)} → ${WORKERS} workers → a receiver with moods\n`,
)
const { endpoint, secrets } = await hooks.endpoints.create({
  url: `${address}/hooks`,
  timeoutMs: 500,
  ratePerMinute: null,
  concurrency: 40,
})
receiver.expect('/hooks', secrets[0]?.secret ?? '')
// One that has left: its first answer disables it, and what else was on its way to it is held.
const gone = await hooks.endpoints.create({ url: `${address}/gone`, eventTypes: ['github.meta'] })

const children = Array.from({ length: WORKERS }, (_, index) => startWorker(index + 1))
await Promise.all(children.map(({ ready }) => ready))

const startedAt = performance.now()
await Promise.all(
  realPayloads().map(({ event, body }, index) =>
    hooks.sendBytes({ type: `github.${event}`, body: Buffer.from(body) }, { id: `msg_${index}` }),
  ),
)
say(`${COUNT} events stored and enqueued in ${(performance.now() - startedAt).toFixed(0)} ms`)

const progress = setInterval(report, 500)
// The sweeper; beat sends it in production (`lovage worker -B`).
const sweeps = setInterval(
  () => void app.sendTask('webhooks.retry_failed_deliveries', { ignoreResult: true }),
  1000,
)
const script = playScript()
await until(() => receiver.seen.delivered.size >= COUNT, {
  timeoutMs: 90_000,
  what: 'every webhook to be delivered',
})
const tookMs = performance.now() - startedAt
clearInterval(progress)
clearInterval(sweeps)
await script
report()
await printSummary()

await Promise.all(children.map(({ stop }) => stop()))
await app.close()
await hooks.close()
await receiver.close()
await rm(folder, { recursive: true })

/** COUNT payloads, every example of GitHub's in turn. */
function realPayloads(): readonly { readonly event: string; readonly body: string }[] {
  // The package is JSON with this shape; its types describe each payload, which nobody here looks into.
  const examples = createRequire(import.meta.url)('@octokit/webhooks-examples') as {
    name: string
    examples: unknown[]
  }[]
  const all = examples.flatMap(({ name, examples: bodies }) =>
    bodies.map((body) => ({ event: name, body: JSON.stringify(body) })),
  )
  return Array.from({ length: COUNT }, (_, index) => all[index % all.length]).filter(
    (payload) => payload !== undefined,
  )
}

function startWorker(number: number): {
  readonly child: ChildProcess
  readonly ready: Promise<void>
  readonly stop: () => Promise<void>
} {
  const cli = fileURLToPath(new URL('../../packages/lovage/dist/cli/main.js', import.meta.url))
  const appFile = fileURLToPath(new URL('./app.ts', import.meta.url))
  const args = ['-A', appFile, 'worker', '-c', '20', '-n', `demo${number}@%h`, '-l', 'info']
  const child = spawn(process.execPath, [cli, ...args], { stdio: ['ignore', 'ignore', 'pipe'] })
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  const ready = new Promise<void>((resolve, reject) => {
    child.stderr?.on('data', (chunk: Buffer) => /ready/.test(chunk.toString()) && resolve())
    child.once('exit', (code) => reject(new Error(`worker ${number} ended with ${code} before it was ready`)))
  })
  const stop = async (): Promise<void> => {
    child.kill('SIGTERM')
    await exited
  }
  return { child, ready, stop }
}

async function playScript(): Promise<void> {
  for (const { at, mood, forMs = 0, kill, say: line } of SCRIPT) {
    await until(() => receiver.seen.delivered.size >= at, { timeoutMs: 90_000, what: `${at} deliveries` })
    say(line)
    if (kill) children[0]?.child.kill('SIGKILL')
    if (!mood) continue
    receiver.mood = mood
    await new Promise((resolve) => setTimeout(resolve, forMs))
    receiver.mood = 'healthy'
    say('the receiver has recovered')
  }
}

function report(): void {
  const { delivered, requests, failed, stalled } = receiver.seen
  const bar = '█'.repeat(Math.round((30 * delivered.size) / COUNT)).padEnd(30, '░')
  say(
    `${bar} ${String(delivered.size).padStart(3)} delivered   ${requests} requests   ${failed} × 503   ${stalled} stalled`,
  )
}

function say(line: string): void {
  console.log(`${((performance.now() - startedAt) / 1000).toFixed(1).padStart(5)} s  ${line}`)
}

async function printSummary(): Promise<void> {
  const { delivered, requests, duplicates, forged } = receiver.seen
  const latencies = [...delivered.values()].map((at) => at - startedAt).sort((left, right) => left - right)
  const at = (share: number): string =>
    `${((latencies[Math.floor(latencies.length * share)] ?? 0) / 1000).toFixed(2)} s`
  const table = new Table({
    head: ['delivered', 'tried again', 'lost', 'twice', 'forged', 'p50', 'p99', 'webhooks/s'],
  })
  const again = requests - delivered.size - duplicates
  table.push([
    delivered.size,
    again,
    COUNT - delivered.size,
    duplicates,
    forged,
    at(0.5),
    at(0.99),
    Math.round(COUNT / (tookMs / 1000)),
  ])
  console.log(`\n${table.toString()}`)
  await printOneDelivery()
  const { isEnabled, disabledReason } = await hooks.endpoints.get(gone.endpoint.id)
  console.log(
    `\nThe endpoint that answered 410 is ${isEnabled ? 'enabled' : `disabled (${disabledReason})`}.`,
  )
  console.log(
    'A worker was killed while it held webhooks, the receiver failed and stalled, and nothing was lost.',
  )
  console.log('Next: docs/webhooks/quickstart.md.')
}

/** The attempts of the delivery that needed most, as an operator sees them. */
async function printOneDelivery(): Promise<void> {
  const of = { endpointId: endpoint.id, limit: 250 }
  const first = await hooks.deliveries.list(of)
  const rest = first.next === null ? [] : (await hooks.deliveries.list({ ...of, after: first.next })).items
  const [most] = [...first.items, ...rest].toSorted((left, right) => right.attempts - left.attempts)
  if (!most) return
  const attempts = await hooks.deliveries.attempts({ deliveryId: most.id })
  const table = new Table({ head: ['attempt', 'at', 'by', 'outcome', 'status', 'took', 'error'] })
  for (const {
    number,
    startedAtMs,
    trigger,
    outcome,
    status,
    durationMs,
    error,
  } of attempts.items.toReversed())
    table.push([
      number,
      new Date(startedAtMs).toISOString().slice(11, 23),
      trigger,
      outcome,
      status ?? '–',
      `${durationMs.toFixed(0)} ms`,
      error ?? '',
    ])
  console.log(
    `\n${most.eventType}, webhook-id ${most.eventId}, to ${endpoint.url}: ${most.state} after ${most.attempts} attempts`,
  )
  console.log(table.toString())
}
