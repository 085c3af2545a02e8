import type { AppCore } from '../app/core/index.js'
import { describeRedelivered, neededQueues, redeliveredTasks } from '../app/fleet/index.js'
import { DeadLetters } from '../app/operating/index.js'
import { counted, messageOf, newId } from '../kernel/index.js'
import { askWorkers } from './ask-workers.js'
import { SYNCHRONISE, serverClock } from './clocks.js'
import { describeDeserted } from './deserted.js'
import { roundTrip } from './round-trip.js'

/** The result of one check. */
export interface Finding {
  readonly check: string
  readonly passed: boolean
  /** The observation. */
  readonly detail: string
  /** The remedy, when it did not pass. */
  readonly advice?: string
}

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
    ? pass('settings', `app ${app.main}, ${counted(app.tasks.names().length, 'task')}`)
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
  const { consumers, deserted, stats, clocks } = await askWorkers(app)
  const wanted = [...neededQueues(app).keys()]
  const findings = wanted.flatMap((queue) => {
    const lacking = deserted.get(queue)
    if (lacking) {
      const { detail, advice } = describeDeserted(queue, lacking)
      return fail(`worker on ${queue}`, detail, advice)
    }
    return consumers.has(queue) ? pass(`worker on ${queue}`, 'consumes it') : []
  })
  if (Object.keys(stats).length > 0)
    findings.push(
      clocks.wrong
        ? fail('clocks of workers', clocks.detail, SYNCHRONISE)
        : pass('clocks of workers', clocks.detail),
    )
  const reached = wanted.filter((name) => consumers.has(name))
  if (reached.length === 0 || !app.hasResults) return findings
  const trip = await tried(
    'round trip',
    'The slots may all be taken (lovage inspect active); else see the worker’s log.',
    () => roundTrip(app, reached),
  )
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
