import { type Done, leftOver, type Stage, type System, startReceiver, untilCount } from 'lovage-systems-kit'
import { startSnowflake } from './dev/snowflake-server.js'

const ENTERPRISE = '12345678-1234-4234-8234-123456789abc'
const LEARNERS = 40
const [ACCOUNT, USER] = ['xy12345', 'service']

const system: System = {
  name: 'learning-time',
  summary:
    'completions of courses, enriched from Snowflake and delivered as webhooks; a slow warehouse holds nothing up',
  run,
}
export default system

async function run(stage: Stage): Promise<readonly Done[]> {
  const [warehouse, receiver] = await Promise.all([startSnowflake(ACCOUNT, USER), startReceiver()])
  for (const each of [warehouse, receiver]) stage.after(() => each.close())
  stage.set({
    ENABLE_WEBHOOK_LEARNING_TIME_ENRICHMENT: 'true',
    SNOWFLAKE_ACCOUNT: ACCOUNT,
    SNOWFLAKE_WAREHOUSE: 'REPORTING',
    SNOWFLAKE_DATABASE: 'PROD',
    SNOWFLAKE_SCHEMA: 'BUSINESS_INTELLIGENCE',
    SNOWFLAKE_SERVICE_USER: USER,
    SNOWFLAKE_PRIVATE_KEY: warehouse.privateKey,
    SNOWFLAKE_URL: warehouse.url,
    ALLOW_HTTP: '1',
    ALLOWED_CIDRS: '127.0.0.0/8',
    LOVAGE_WEBHOOKS_KEYS: `development:${Buffer.alloc(32, 1).toString('base64')}`,
  })
  const { app } = await import('./lms/celery.js')
  const { hooks } = await import('./enrichment/hooks.js')
  const { data } = await import('./enrichment/data.js')
  const { setEnrichment } = await import('./enrichment/flags.js')
  const { onPassedGrade } = await import('./enrichment/passed-grade.js')
  stage.after(() => app.close())
  stage.after(async () => (await data()).close())
  stage.after(() => hooks.close())
  const { secrets } = await hooks.endpoints.create({
    url: receiver.url,
    tenant: ENTERPRISE,
    ratePerMinute: null,
    timeoutMs: 5000,
  })
  receiver.secret = secrets[0]?.secret ?? ''

  const celery = 'celery -A lms.celery'
  const QUEUE = 'edx.lms.core.webhook_enrichment'
  const enrichment = `${celery} worker --loglevel=info --queues=${QUEUE} --concurrency=2 --hostname=webhook-enrichment@%h`
  const [first] = await Promise.all([
    stage.start(enrichment),
    stage.start(`${celery} worker --loglevel=info --queues=celery --beat`),
  ])

  const pass = (user: number, course = 'course-v1:edX+DemoX+Demo') =>
    onPassedGrade({
      user_id: user,
      course_id: course,
      enterprise_customer_uuid: ENTERPRISE,
      percent_grade: 0.85,
      more: { orgid: 'edX' },
    })
  const withTime = () =>
    [...receiver.received.values()].filter((body) => body.includes('"learning_time"')).length

  // All but the last are known to the warehouse; one has spent more than 2^53 seconds.
  for (let user = 1; user < LEARNERS; user++)
    warehouse.times.set(
      `${user}|course-v1:edX+DemoX+Demo|${ENTERPRISE}`,
      user === 1 ? '9007199254740993' : String(user * 60),
    )
  for (let user = 1; user <= LEARNERS; user++) await pass(user)
  await untilCount(() => receiver.received.size, LEARNERS / 3)
  first.kill('SIGKILL')
  await first.exited
  stage.say(`the enrichment worker is killed with SIGKILL after ${receiver.received.size} webhooks`)
  await stage.start(enrichment)
  const received = await untilCount(() => receiver.received.size, LEARNERS)
  const enriched = withTime()
  const exact = [...receiver.received.values()].filter((body) =>
    body.includes('"learning_time":9007199254740993'),
  ).length
  stage.say(`${received} completions received, ${enriched} with their learning time`)
  const statements = warehouse.statements

  // The warehouse stalls: completions go out without after three seconds, everything else at once.
  warehouse.slowMs = 60_000
  await pass(101)
  const beganMs = performance.now()
  await hooks.send({ type: 'grade.changed', data: { user: 101 } }, { tenant: ENTERPRISE })
  await untilCount(() => receiver.received.size, received + 1)
  const otherMs = performance.now() - beganMs
  await untilCount(() => receiver.received.size, received + 2)
  const stalledMs = performance.now() - beganMs
  const cancelled = await untilCount(() => warehouse.cancelled, 1, 10_000)
  stage.say(
    `the warehouse stalls: another webhook took ${otherMs.toFixed(0)} ms, the completion ${stalledMs.toFixed(0)} ms, without learning time`,
  )
  warehouse.slowMs = 5

  // Turned off, nothing is restarted.
  await setEnrichment(false)
  const off = await pass(102)
  await untilCount(() => receiver.received.size, received + 3)
  await setEnrichment(true)
  stage.say(`turned off: the completion is ${off} as it is; turned on again`)

  const checks = (await stage.run(`${celery} doctor`).catch((error: Error) => error.message)).split('\n')
  for (const line of checks.filter((each) => /^PASS {2}[1-8] |^FAIL/.test(each))) stage.say(line)
  return [
    { what: 'completions received', count: received, ok: received === LEARNERS },
    { what: 'with their learning time', count: enriched, ok: enriched === LEARNERS - 1 },
    { what: 'with more than 2^53 seconds, exact', count: exact, ok: exact === 1 },
    {
      what: 'received twice, though a worker was killed',
      count: receiver.repeated,
      ok: receiver.repeated <= 2,
    },
    { what: 'asked of the warehouse', count: statements, ok: statements <= LEARNERS + 4 },
    {
      what: 'without, after a stall (about 3 s)',
      count: `${(stalledMs / 1000).toFixed(1)} s`,
      ok: stalledMs > 2500 && stalledMs < 20_000,
    },
    { what: 'statements cancelled', count: cancelled, ok: cancelled >= 1 },
    {
      what: 'sent as they were while turned off',
      count: receiver.received.size - received - 2,
      ok: off === 'sent',
    },
    { what: 'forged or unsigned', count: receiver.forged, ok: receiver.forged === 0 },
    ...(await leftOver(app)),
  ]
}
