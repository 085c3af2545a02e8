import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import Table from 'cli-table3'
import { until } from 'lovage/testing'
import { app, deliver } from './app.js'
import { type Mood, Receiver } from './receiver.js'

const COUNT = 500
const WORKERS = 3
/** Events whose receiver has left: they end as dead letters. */
const isGone = (event: string): boolean => event === 'meta'
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

const { values } = parseArgs({ options: { broker: { type: 'string' }, help: { type: 'boolean' } } })
if (values.help) {
  console.log(
    'npm run demo [-- --broker URL]\n\nDelivers 500 real webhook payloads through workers that are killed, to a receiver that fails and stalls.',
  )
  process.exit(0)
}

const folder = await mkdtemp(join(tmpdir(), 'lovage-demo-'))
const broker = values.broker ?? `sqlite://${join(folder, 'queue.db')}`
const secret = `whsec_${randomBytes(24).toString('base64')}`
const receiver = new Receiver(secret, isGone)
const environment = {
  ...process.env,
  CELERY_BROKER_URL: broker,
  CELERY_BROKER_LEASE: '3',
  DEMO_RECEIVER: await receiver.listen(),
  DEMO_SECRET: secret,
}
app.configFromObject({ brokerUrl: broker })

console.log(
  `${COUNT} payloads of GitHub's webhooks → ${broker.replace(folder, '<temporary folder>')} → ${WORKERS} workers → a receiver with moods\n`,
)
const children = Array.from({ length: WORKERS }, (_, index) => startWorker(index + 1))
await Promise.all(children.map(({ ready }) => ready))

const countLetters = async (): Promise<number> => (await app.deadLetters.queues()).get('webhooks') ?? 0
const lettersBefore = await countLetters()

const payloads = realPayloads()
const startedAt = performance.now()
const results = await deliver.applyAsyncMany(
  payloads.map(({ event, body }, index) => ({ args: { webhook_id: `msg_${index}`, event, body } })),
)
say(`${results.length} webhooks enqueued in ${(performance.now() - startedAt).toFixed(0)} ms`)

let dead = 0
const progress = setInterval(report, 500)
const script = playScript()
await until(
  async () => {
    dead = (await countLetters()) - lettersBefore
    return receiver.seen.delivered.size + dead >= COUNT
  },
  { timeoutMs: 90_000, what: 'every webhook to be delivered or dead-lettered' },
)
const tookMs = performance.now() - startedAt
clearInterval(progress)
await script
report()
printSummary()

await Promise.all(children.map(({ stop }) => stop()))
await app.close()
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
  const child = spawn(process.execPath, [cli, ...args], {
    env: environment,
    stdio: ['ignore', 'ignore', 'pipe'],
  })
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
    `${bar} ${String(delivered.size).padStart(3)} delivered   ${requests} requests   ${failed} × 503   ${stalled} stalled   ${dead} dead letters`,
  )
}

function say(line: string): void {
  console.log(`${((performance.now() - startedAt) / 1000).toFixed(1).padStart(5)} s  ${line}`)
}

function printSummary(): void {
  const { delivered, requests, duplicates, forged } = receiver.seen
  const latencies = [...delivered.values()].map((at) => at - startedAt).sort((left, right) => left - right)
  const at = (share: number): string =>
    `${((latencies[Math.floor(latencies.length * share)] ?? 0) / 1000).toFixed(2)} s`
  const table = new Table({
    head: ['delivered', 'tried again', 'dead-lettered', 'lost', 'twice', 'forged', 'p50', 'p99', 'tasks/s'],
  })
  const again = requests - delivered.size - duplicates - dead
  table.push([
    delivered.size,
    again,
    dead,
    COUNT - delivered.size - dead,
    duplicates,
    forged,
    at(0.5),
    at(0.99),
    Math.round(COUNT / (tookMs / 1000)),
  ])
  console.log(`\n${table.toString()}`)
  console.log(
    '\nA worker was killed while it held webhooks, the receiver failed and stalled, and nothing was lost.',
  )
  console.log(
    'p50 and p99 count from the enqueuing of all to the delivery of each. Next: README.md, "Your first task".',
  )
}
