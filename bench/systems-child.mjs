// Measures a part of one of the five systems, in a process of its own; prints one line of JSON.
// node bench/systems-child.mjs <plain|cached|fill|write|library|clean|due> <JSON of what it needs>
import { createReadStream } from 'node:fs'
import { createRequire } from 'node:module'
import { registerTypeScript } from '../packages/lovage/dist/loader/index.js'

await registerTypeScript()
const [what, told] = process.argv.slice(2)
const { env = {}, from, to, rows, count, receiver } = JSON.parse(told)
Object.assign(process.env, env)
const CONCURRENCY = 100
const WARM_UP = 0.2
const ENTERPRISE = '12345678-1234-4234-8234-123456789abc'
const systems = (path) => import(new URL(`../systems/${path}`, import.meta.url).href)

const figures = await { plain: completions, cached: completions, fill, write, library, clean, due }[what]()
process.stdout.write(`${JSON.stringify(figures)}\n`)
process.exit(0)

/** Completions of courses, from the grade to the answer of the receiver: as they are, or with a learning time that is in the cache. */
async function completions() {
  const { startWorker } = await import('lovage')
  const { TASKS } = await import('@lovage/webhooks')
  const { app } = await systems('learning-time/lms/celery.ts')
  const { hooks } = await systems('learning-time/enrichment/hooks.ts')
  const { onPassedGrade } = await systems('learning-time/enrichment/passed-grade.ts')
  await hooks.endpoints.create({
    url: `${receiver}/hooks`,
    tenant: ENTERPRISE,
    ratePerMinute: null,
    concurrency: null,
  })
  let done = 0
  let [all, wanted] = [() => {}, 0]
  app.signals.on('taskPostrun', ({ context, state }) => {
    if (context.name === TASKS.deliver && state === 'SUCCESS' && ++done === wanted) all()
  })
  await startWorker(app, { concurrency: CONCURRENCY })
  let next = 0
  const pass = async (many) => {
    wanted = next + many
    const ended = new Promise((resolve) => (all = resolve))
    const lane = async () => {
      while (next < wanted) await onPassedGrade({ ...learner(next++), percent_grade: 0.85 })
    }
    await Promise.all(Array.from({ length: CONCURRENCY }, lane))
    await ended
  }
  await pass(Math.ceil(count * WARM_UP))
  const [beganMs, cpu] = [performance.now(), process.cpuUsage()]
  await pass(count)
  const seconds = (performance.now() - beganMs) / 1000
  const { user, system } = process.cpuUsage(cpu)
  return { seconds, perSecond: count / seconds, cpuMs: (user + system) / 1000 / count }
}

function learner(user_id) {
  return { user_id, course_id: 'course-v1:edX+DemoX+Demo', enterprise_customer_uuid: ENTERPRISE }
}

/** Asks for each learner once; the warehouse is a table. */
async function fill() {
  const { openDatabase } = await systems('kit/index.ts')
  const { learningTime } = await systems('learning-time/enrichment/learning-time.ts')
  const many = count + Math.ceil(count * WARM_UP)
  const warehouse = await openDatabase(process.env.WAREHOUSE_URL)
  await warehouse.migrate([
    'CREATE TABLE IF NOT EXISTS LEARNING_TIME (USER_ID BIGINT, COURSERUN_KEY TEXT, ENTERPRISE_CUSTOMER_UUID TEXT, LEARNING_TIME_SECONDS BIGINT)',
    'CREATE INDEX IF NOT EXISTS BY_USER ON LEARNING_TIME (USER_ID)',
  ])
  await warehouse.transaction(async (sql) => {
    for (let user = 0; user < many; user++) {
      const { course_id } = learner(user)
      await sql.query('INSERT INTO LEARNING_TIME VALUES ($1, $2, $3, 3600)', [user, course_id, ENTERPRISE])
    }
  })
  await warehouse.close()
  let next = 0
  const lane = async () => {
    while (next < many) await learningTime.apply({ completion: learner(next++), payload: {} })
  }
  await Promise.all(Array.from({ length: CONCURRENCY }, lane))
  return {}
}

async function write() {
  const { writeUntidyFile } = await systems('datacleanup/dev/orders-file.ts')
  await writeUntidyFile(from, rows)
  return {}
}

function memory(seconds) {
  return { seconds, peakMb: Math.round(process.resourceUsage().maxRSS / 1024) }
}

/** The parsing library, told of every row, as its manual has it. */
async function library() {
  // The version that the system uses.
  const { parse } = createRequire(new URL('../systems/datacleanup/package.json', import.meta.url))(
    'csv-parse',
  )
  const beganMs = performance.now()
  let seen = 0
  const parser = parse({ bom: true, relax_column_count: true, skip_empty_lines: true })
  parser.on('data', () => seen++)
  createReadStream(from).pipe(parser)
  await new Promise((resolve, reject) => parser.once('end', resolve).once('error', reject))
  if (seen < rows) throw new Error(`${seen} of ${rows} rows`)
  return memory((performance.now() - beganMs) / 1000)
}

async function clean() {
  const { cleanFile } = await systems('datacleanup/app/data/process.ts')
  const beganMs = performance.now()
  const { rowsIn } = await cleanFile(from, to)
  if (rowsIn !== rows) throw new Error(`${rowsIn} of ${rows} rows`)
  return memory((performance.now() - beganMs) / 1000)
}

/** Monitors that are due in the same second, until they are sent, claimed and checked. */
async function due() {
  const { startWorker } = await import('lovage')
  const { app } = await systems('monitoring/consultantos/jobs/celery_app.ts')
  const { data } = await systems('monitoring/consultantos/data.ts')
  const { addMonitor } = await systems('monitoring/consultantos/pages/monitor.ts')
  const { checkMonitorTask, checkScheduledMonitorsTask } = await systems(
    'monitoring/consultantos/jobs/tasks.ts',
  )
  const db = await data()
  const dueMs = Date.now() - 1000
  await db.transaction(async (sql) => {
    for (let index = 0; index < count; index++)
      await addMonitor(
        sql,
        { id: `due-${index}`, name: 'due', url: `${receiver}/page`, every_s: 600, channels: [] },
        dueMs,
      )
  })
  const times = { claimed: [], checked: [] }
  let ended = () => {}
  const all = new Promise((resolve) => (ended = resolve))
  const note = (which) => (event) => {
    if (event.context.name !== checkMonitorTask.name) return
    times[which].push(performance.now())
    if (times.checked.length === count) ended()
  }
  app.signals.on('taskPrerun', note('claimed'))
  app.signals.on('taskPostrun', note('checked'))
  await startWorker(app, { concurrency: CONCURRENCY })
  const beganMs = performance.now()
  const { sent } = await (await checkScheduledMonitorsTask.delay()).get({ timeout: 60 })
  const sentMs = performance.now() - beganMs
  await all
  if (sent !== count || times.claimed.length !== count) throw new Error(`${sent} sent`)
  return { sentMs, claimedMs: times.claimed.at(-1) - beganMs, checkedMs: times.checked.at(-1) - beganMs }
}
