import type { AppCore } from '../app/core/index.js'
import { describeRedelivered, desertedQueues, neededQueues, redeliveredTasks } from '../app/fleet/index.js'
import { DeadLetters, Inspect } from '../app/operating/index.js'
import { messageOf, newId } from '../kernel/index.js'
import { SYNCHRONISE, serverClock, workerClocks } from './clocks.js'
import { describeDeserted } from './deserted.js'

/** The result of one check. */
export interface Finding {
  readonly check: string
  readonly passed: boolean
  /** The observation. */
  readonly detail: string
  /** The remedy, when it did not pass. */
  readonly advice?: string
}

const ROUND_TRIP_S = 5
/** The beginning of a broker's advice on what may stay as it is while a program is written. */
const IN_PRODUCTION = 'In production: '

/** Checks whether an app works in its environment: its settings, its servers, its workers, and a task's round trip. */
export async function examine(app: AppCore): Promise<readonly Finding[]> {
  const findings: Finding[] = [settings(app)]
  const own = await ownChecks(app)
  const broker = await tried('broker', 'Check that it runs, its URL, and the credentials.', async () => {
    const opened = await app.broker()
    await opened.depths(app.router.declared.map(({ name }) => name))
    return `${opened.kind} ${opened.location} answers`
  })
  findings.push(broker)
  if (!broker.passed) return [...findings, ...own]
  findings.push(...(await serverSettings(app)))
  if (app.hasResults) {
    findings.push(
      await tried('results', 'Check resultBackend, and that its server runs.', async () => {
        const results = await app.results()
        await results.get([newId()])
        return `${results.kind} ${results.location} answers`
      }),
    )
  }
  findings.push(
    await tried('dead letters', 'Check deadLetterUrl, and that its server runs.', async () => {
      const counts = [...(await new DeadLetters(app).queues()).values()]
      return `the store answers and holds ${counts.reduce((sum, count) => sum + count, 0)}`
    }),
    await clock(app),
  )
  findings.push(
    await tried(
      'lost workers',
      'See the workers’ logs: it may be what ends them. After four it becomes a dead letter.',
      () => lostWorkers(app),
    ),
  )
  try {
    findings.push(...(await workers(app)))
  } catch (error) {
    findings.push(fail('workers', `they cannot be queried: ${messageOf(error)}`, 'See the broker’s reply.'))
  }
  return [...findings, ...own]
}

/** The app's own checks: a warehouse, a service that it calls. */
async function ownChecks(app: AppCore): Promise<readonly Finding[]> {
  return Promise.all(
    app.deployChecks.map(({ name, run, advice = 'See the output of the check.' }) =>
      tried(name, advice, async () => {
        const said = await run()
        return typeof said === 'string' ? said : 'passed'
      }),
    ),
  )
}

function settings(app: AppCore): Finding {
  const typos = app.unroutedNames()
  return typos.length === 0
    ? pass('settings', `app ${app.main}, ${app.tasks.names().length} tasks`)
    : fail(
        'settings',
        `taskRoutes names ${typos.join(', ')}, but no such task is registered here`,
        'Correct the name, or import the module that defines the task (-I).',
      )
}

async function serverSettings(app: AppCore): Promise<readonly Finding[]> {
  try {
    const advice = await (await app.broker()).check()
    return advice.length === 0
      ? [pass('server settings', 'nothing to change')]
      : advice.map((sentence) => {
          const [what = sentence, ...rest] = sentence.split(/: (?=[^:]*$)/)
          return process.env.NODE_ENV !== 'production' && sentence.startsWith(IN_PRODUCTION)
            ? pass(
                'server settings',
                `${what.slice(IN_PRODUCTION.length)}; good enough outside production (NODE_ENV)`,
              )
            : fail('server settings', what, rest.join(': ') || sentence)
        })
  } catch (error) {
    return [fail('server settings', messageOf(error), 'See the server’s reply.')]
  }
}

async function clock(app: AppCore): Promise<Finding> {
  try {
    const { wrong, detail } = await serverClock(app)
    return wrong ? fail('clock', detail, SYNCHRONISE) : pass('clock', detail)
  } catch (error) {
    return fail('clock', `not compared: ${messageOf(error)}`, 'See what the server said.')
  }
}

async function lostWorkers(app: AppCore): Promise<string> {
  const tasks = await redeliveredTasks(app)
  if (tasks.length > 0) throw new Error(tasks.map(describeRedelivered).join('; '))
  return 'no task loses one worker after the other'
}

async function workers(app: AppCore): Promise<readonly Finding[]> {
  const inspect = new Inspect(app, { timeout: 1 })
  const askedMs = app.clock.now()
  const [answers, stats] = await Promise.all([inspect.activeQueues(), inspect.stats()])
  const { wrong, detail } = workerClocks(stats, askedMs, app.clock.now())
  const consumed = new Set(
    Object.values(answers).flatMap((queues) =>
      Array.isArray(queues) ? queues.map(({ name }) => String(name)) : [],
    ),
  )
  const wanted = [...neededQueues(app).keys()]
  const deserted = await desertedQueues(app, consumed)
  const findings = wanted.flatMap((queue) => {
    const lacking = deserted.get(queue)
    if (lacking) {
      const { detail, advice } = describeDeserted(queue, lacking)
      return fail(`worker on ${queue}`, detail, advice)
    }
    return consumed.has(queue) ? pass(`worker on ${queue}`, 'consumes it') : []
  })
  if (Object.keys(stats).length > 0)
    findings.push(wrong ? fail('clocks of workers', detail, SYNCHRONISE) : pass('clocks of workers', detail))
  const queue = wanted.find((name) => consumed.has(name))
  if (queue === undefined || !app.hasResults) return findings
  const trip = await tried('round trip', 'Check the worker’s log.', async () => {
    const began = performance.now()
    // Celery's own task, which every worker of either language has; it returns its argument.
    const result = await app.calls.send({
      task: 'celery.accumulate',
      args: [42],
      kwargs: { index: 0 },
      options: { queue, shadow: 'lovage.doctor' },
      defaults: {},
    })
    const answer = await result.get({ timeout: ROUND_TRIP_S })
    if (answer !== 42) throw new Error(`the answer was ${JSON.stringify(answer)}`)
    return `a task went through ${queue} and back in ${Math.round(performance.now() - began)} ms`
  })
  return [...findings, trip]
}

async function tried(check: string, advice: string, work: () => Promise<string>): Promise<Finding> {
  try {
    return pass(check, await work())
  } catch (error) {
    return fail(check, messageOf(error), advice)
  }
}

const pass = (check: string, detail: string): Finding => ({ check, passed: true, detail })
const fail = (check: string, detail: string, advice: string): Finding => ({
  check,
  passed: false,
  detail,
  advice,
})
