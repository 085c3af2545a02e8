import { type Done, leftOver, type Stage, type System, startReceiver, untilCount } from 'lovage-systems-kit'

const EVENTS = 90
const PARTNERS = ['partner-1', 'partner-2', 'partner-3'] as const

const system: System = {
  name: 'webhook-delivery',
  summary: "partners' webhooks: signed, retried, swept every five minutes, cleaned up daily",
  run,
}
export default system

async function run(stage: Stage): Promise<readonly Done[]> {
  const receivers = await Promise.all(PARTNERS.map(() => startReceiver()))
  for (const receiver of receivers) stage.after(() => receiver.close())
  stage.set({
    ALLOW_HTTP: '1',
    // A partner that fails is left alone for a minute; here nobody wants to wait for that.
    CIRCUIT_SECONDS: '3',
    ALLOWED_CIDRS: '127.0.0.0/8',
    LOVAGE_WEBHOOKS_KEYS: `development:${Buffer.alloc(32, 1).toString('base64')}`,
  })
  const { app } = await import('./celery_app.js')
  const { hooks, deliverWebhookEvent } = await import('./tasks/webhook_delivery.js')
  const { emitEvent } = await import('./webhook_service.js')
  stage.after(() => app.close())
  stage.after(() => hooks.close())
  const ids: string[] = []
  for (const [at, receiver] of receivers.entries()) {
    const { endpoint, secrets } = await hooks.endpoints.create({
      url: receiver.url,
      tenant: PARTNERS[at] ?? '',
      ratePerMinute: null,
      timeoutMs: 5000,
    })
    receiver.secret = secrets[0]?.secret ?? ''
    ids.push(endpoint.id)
  }

  const beganMs = performance.now()
  for (let index = 0; index < EVENTS; index++)
    await emitEvent({
      partner_id: PARTNERS[index % 3] ?? '',
      event: 'application.submitted',
      data: { application: index },
    })
  const tookMs = (performance.now() - beganMs) / EVENTS
  stage.say(`${EVENTS} events emitted with no worker up, ${tookMs.toFixed(1)} ms each`)

  for (const receiver of receivers.slice(0, 1)) receiver.isDown = true
  stage.say('the first partner answers 503')
  const celery = 'celery -A celery_app'
  const [worker] = await Promise.all([
    stage.start(`${celery} worker -I tasks.webhook_delivery --loglevel=info -c 2 -n first@%h`),
    stage.start(`${celery} beat --loglevel=info`),
  ])
  const received = (): number => receivers.reduce((sum, each) => sum + each.received.size, 0)
  await untilCount(received, EVENTS / 6)
  worker.kill('SIGKILL')
  await worker.exited
  stage.say(`the worker is killed with SIGKILL after ${received()} deliveries`)
  await stage.start(`${celery} worker -I tasks.webhook_delivery --loglevel=info -c 2 -n second@%h`)
  await untilCount(received, (EVENTS * 2) / 3)
  for (const receiver of receivers) receiver.isDown = false
  stage.say(`the first partner is back; ${received()} were delivered meanwhile`)

  const task = await deliverWebhookEvent.delay(String(ids[1]), {
    event: 'application.approved',
    partner_id: 'partner-2',
    data: { application: 7 },
    timestamp: new Date().toISOString(),
  })
  stage.say(`by its task: ${task.id} ${JSON.stringify(await task.get({ timeout: 60 }))}`)
  const all = await untilCount(received, EVENTS + 1, 120_000)
  const repeated = receivers.reduce((sum, each) => sum + each.repeated, 0)
  const stats = await stage.run(`${celery} inspect stats`)
  return [
    { what: 'delivered, each with a good signature', count: all, ok: all === EVENTS + 1 },
    { what: 'delivered twice, though a worker was killed', count: repeated, ok: repeated <= 2 },
    {
      what: 'forged or unsigned',
      count: receivers.reduce((sum, each) => sum + each.forged, 0),
      ok: receivers.every(({ forged }) => forged === 0),
    },
    {
      what: 'workers that report statistics',
      count: stats.includes('second@') ? 1 : 0,
      ok: stats.includes('second@'),
    },
    ...(await leftOver(app)),
  ]
}
