// Measures one way of delivering webhooks, in a process of its own; prints one line of JSON.
// node bench/webhooks-child.mjs <bare|bullmq|lovage|fairness> <JSON of receiver, broker, store, count>
import { createHmac } from 'node:crypto'
import { webhooks } from '@lovage/webhooks'
import { Lovage, startWorker } from 'lovage'
import { Agent, request } from 'undici'

const [peer, told] = process.argv.slice(2)
const { receiver, broker, store, count, hanging = false } = JSON.parse(told)
const CONCURRENCY = 100
const WARM_UP = 0.2
const warm = Math.ceil(count * WARM_UP)
const secret = Buffer.alloc(32, 7)
/** 1 KB of JSON. */
const data = { id: 'o_1', text: 'x'.repeat(930) }
const body = Buffer.from(JSON.stringify({ type: 'order.paid', timestamp: new Date(0).toISOString(), data }))
let peakRss = 0
setInterval(() => (peakRss = Math.max(peakRss, process.memoryUsage.rss())), 20).unref()

const figures = await { bare, bullmq, lovage, fairness }[peer]()
const peakMb = Math.round(Math.max(peakRss, process.memoryUsage.rss()) / 2 ** 20)
process.stdout.write(`${JSON.stringify({ ...figures, peakMb })}\n`)
process.exit(0)

/** Counts, and says how many a second were done after the warm-up. */
function meter() {
  let done = 0
  let start = 0
  let finish = () => {}
  const all = new Promise((resolve) => (finish = resolve))
  return {
    count() {
      done += 1
      if (done === warm) start = performance.now()
      if (done === warm + count) finish()
    },
    async perSecond() {
      await all
      return count / ((performance.now() - start) / 1000)
    },
  }
}

function sign(id) {
  const at = Math.floor(Date.now() / 1000)
  const signature = createHmac('sha256', secret).update(`${id}.${at}.`).update(body).digest('base64')
  return {
    'content-type': 'application/json',
    'webhook-id': id,
    'webhook-timestamp': String(at),
    'webhook-signature': `v1,${signature}`,
  }
}

async function post(agent, id) {
  const started = performance.now()
  const answer = await request(`${receiver}/hooks`, {
    method: 'POST',
    dispatcher: agent,
    headers: sign(id),
    body,
  })
  await answer.body.dump()
  return { status: answer.statusCode, ms: performance.now() - started }
}

/** No queue, no rows: what posting costs. */
async function bare() {
  const agent = new Agent({ connections: CONCURRENCY })
  const { count: one, perSecond } = meter()
  let next = 0
  const lane = async () => {
    while (next < warm + count) {
      await post(agent, `msg_${next++}`)
      one()
    }
  }
  const lanes = Array.from({ length: CONCURRENCY }, lane)
  const figure = await perSecond()
  await Promise.all(lanes)
  return { peer: 'bare undici loop', perSecond: figure }
}

/** As people write it: a job a webhook, and a row an attempt. */
async function bullmq() {
  const [{ Queue, Worker }, { Redis }, { default: pg }] = await Promise.all(
    ['bullmq', 'ioredis', 'pg'].map((name) => import(name)),
  )
  const connection = new Redis(broker, { maxRetriesPerRequest: null })
  const pool = new pg.Pool({ connectionString: store, max: 20 })
  await pool.query(
    'CREATE TABLE IF NOT EXISTS attempts (id bigserial PRIMARY KEY, event_id text, at timestamptz DEFAULT now(), status int, took_ms float8)',
  )
  const queue = new Queue('webhooks', { connection, defaultJobOptions: { removeOnComplete: true } })
  for (let sent = 0; sent < warm + count; sent += 1000)
    await queue.addBulk(
      Array.from({ length: Math.min(1000, warm + count - sent) }, (_, n) => ({
        name: 'deliver',
        data: { id: `msg_${sent + n}`, body: body.toString() },
      })),
    )
  const agent = new Agent({ connections: CONCURRENCY })
  const { count: one, perSecond } = meter()
  const worker = new Worker(
    'webhooks',
    async (job) => {
      const { status, ms } = await post(agent, job.data.id)
      await pool.query('INSERT INTO attempts (event_id, status, took_ms) VALUES ($1, $2, $3)', [
        job.data.id,
        status,
        ms,
      ])
      one()
    },
    { connection: connection.duplicate(), concurrency: CONCURRENCY },
  )
  const figure = await perSecond()
  await worker.close()
  return { peer: 'BullMQ worker with a row an attempt', perSecond: figure }
}

function open() {
  const app = new Lovage('bench', { broker })
  const hooks = webhooks(app, {
    store,
    encryptionKeys: `bench:${Buffer.alloc(32, 7).toString('base64')}`,
    allowedCidrs: ['127.0.0.1'],
    allowHttp: true,
  })
  return { app, hooks }
}

async function lovage() {
  const { app, hooks } = open()
  await hooks.endpoints.create({ url: `${receiver}/hooks`, ratePerMinute: null, concurrency: null })
  for (let sent = 0; sent < warm + count; sent += 1000) {
    const batch = Math.min(1000, warm + count - sent)
    await Promise.all(Array.from({ length: batch }, () => hooks.sendBytes({ type: 'order.paid', body })))
  }
  const { count: one, perSecond } = meter()
  app.signals.on('taskPostrun', ({ state }) => state === 'SUCCESS' && one())
  await startWorker(app, { concurrency: CONCURRENCY })
  return { peer: '@lovage/webhooks', perSecond: await perSecond() }
}

/** A hundred endpoints, of which ten hang for their whole time, or do not; how long events take to the other ninety. */
async function fairness() {
  const { app, hooks } = open()
  const limits = { ratePerMinute: null, timeoutMs: 30_000 }
  for (let at = 0; at < 90; at++)
    await hooks.endpoints.create({ ...limits, url: `${receiver}/timed/${at}`, eventTypes: ['go'] })
  for (let at = 0; at < 10; at++)
    await hooks.endpoints.create({
      ...limits,
      url: `${receiver}/${hanging ? 'hang' : 'hooks'}/${at}`,
      eventTypes: ['go'],
    })
  await startWorker(app, { concurrency: 400 })
  const sentAt = {}
  const every = 100
  for (let n = 0; n < count; n++) {
    const id = `evt-${n}`
    sentAt[id] = performance.timeOrigin + performance.now()
    await hooks.sendBytes({ type: 'go', body }, { id })
    await new Promise((resolve) => setTimeout(resolve, every))
  }
  await new Promise((resolve) => setTimeout(resolve, 2000))
  return { peer: hanging ? 'ten of 100 hang' : 'none hangs', sentAt }
}
