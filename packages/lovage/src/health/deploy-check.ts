import type { AppCore } from '../app/core/index.js'
import { type Answers, knownQueues, neededQueues, queueReport } from '../app/fleet/index.js'
import { driverOf } from '../drivers/index.js'
import { counted, messageOf } from '../kernel/index.js'
import { askWorkers, type Fleet } from './ask-workers.js'
import { SYNCHRONISE } from './clocks.js'
import { describeDeserted } from './deserted.js'

/** The result of one deployment check. */
export interface DeployFinding {
  readonly check: string
  /** `warn`: a problem in some deployments; `fail`: in all. */
  readonly verdict: 'pass' | 'warn' | 'fail'
  readonly detail: string
  /** The remedy, when it did not pass. */
  readonly advice?: string
}

/** A larger backlog per slot means that the workers do not keep up. */
const MOST_A_SLOT = 1000

/** Checks whether an app is fit for production: its settings, its routes and workers, its size, and its own checks (`app.deployChecks`). */
export async function checkDeploy(app: AppCore): Promise<readonly DeployFinding[]> {
  const findings = settingsOf(app)
  try {
    findings.push(...(await serverOf(app)))
    const { stats, clocks, ...fleet } = await askWorkers(app)
    findings.push(...workersOf(app, fleet))
    if (Object.keys(stats).length > 0)
      findings.push(
        clocks.wrong
          ? fail('clocks of workers', clocks.detail, SYNCHRONISE)
          : pass('clocks of workers', clocks.detail),
      )
    findings.push(...(await sizeOf(app, stats)))
  } catch (error) {
    findings.push(fail('broker', messageOf(error), 'Check that it runs, its URL, and the credentials.'))
  }
  return [...findings, ...(await ownOf(app))]
}

function settingsOf(app: AppCore): DeployFinding[] {
  const { conf } = app
  const url = app.brokerUrl
  const driver = driverOf(url)
  const say = (isWrong: boolean, verdict: 'warn' | 'fail', check: string, found: string, advice: string) =>
    isWrong ? ({ check, verdict, detail: found, advice } as const) : pass(check, 'as expected')
  const untimed = [...app.tasks].filter(
    ({ name, options }) => !name.startsWith('celery.') && !options.timeLimit && !options.softTimeLimit,
  )
  const typos = app.unroutedNames()
  const isRemote = driver?.reach === 'network' && !/@?(localhost|127\.0\.0\.1|\[::1\])/.test(url)
  return [
    say(
      driver?.reach === 'process',
      'fail',
      'broker',
      `${url} is lost when its process ends`,
      'Set brokerUrl.',
    ),
    say(
      conf.brokerUrl === undefined,
      'fail',
      'broker URL',
      'no broker is configured: the embedded file is used',
      'Set brokerUrl, or CELERY_BROKER_URL in the environment.',
    ),
    say(
      isRemote && !/:\/\/[^/]*@/.test(url),
      'warn',
      'broker password',
      'the broker is on another machine and is used without a password',
      'Set one; anyone who can reach it can run your tasks.',
    ),
    say(
      isRemote && !driver?.isEncrypted && !/sslmode=/.test(url) && !conf.brokerUseSsl,
      'warn',
      'broker encryption',
      'the connection to the broker is not encrypted',
      'Use rediss://, valkeys:// or amqps://, unless the network is private.',
    ),
    say(conf.taskAlwaysEager, 'fail', 'taskAlwaysEager', 'tasks run in the calling process', 'Remove it.'),
    say(
      !conf.taskAcksLate,
      'warn',
      'taskAcksLate',
      'a worker that dies loses its running tasks',
      'Turn it on, and make tasks idempotent.',
    ),
    say(
      conf.acceptContent.some((one) => one === 'pickle' || one === 'yaml'),
      'fail',
      'acceptContent',
      `it allows ${conf.acceptContent.join(', ')}`,
      'Accept only json.',
    ),
    say(
      app.hasResults && conf.resultExpires === 0,
      'warn',
      'resultExpires',
      'results are kept for ever',
      'Set resultExpires, or run celery.backend_cleanup.',
    ),
    say(
      untimed.length > 0 && !conf.taskTimeLimit,
      'warn',
      'time limits',
      `${counted(untimed.length, 'task has', 'tasks have')} none: ${untimed
        .slice(0, 5)
        .map(({ name }) => name)
        .join(', ')}`,
      'Set taskTimeLimit; a task that hangs holds its slot.',
    ),
    say(
      typos.length > 0,
      'fail',
      'routes',
      `taskRoutes names ${typos.join(', ')}, but no such task is registered here`,
      'Correct the name, or import the module that defines the task (-I).',
    ),
    say(
      conf.workerMetricsPort === undefined && !conf.workerSendTaskEvents,
      'warn',
      'monitoring and alerts',
      'workers neither serve metrics nor send events',
      'Set workerMetricsPort (--metrics-port) and load the alerts of deploy/prometheus/ in the repository, or start them with -E.',
    ),
  ]
}

async function serverOf(app: AppCore): Promise<readonly DeployFinding[]> {
  const advice = await (await app.broker()).check()
  if (advice.length === 0) return [pass('server settings', 'nothing to change')]
  return advice.map((sentence) => fail('server settings', sentence, 'Change it on the server.', 'warn'))
}

/** Checks that every queue that settings, routes or tasks name has a worker. */
function workersOf(
  app: AppCore,
  { consumers, deserted }: Pick<Fleet, 'consumers' | 'deserted'>,
): readonly DeployFinding[] {
  return [...neededQueues(app)].flatMap(([queue, tasks]) => {
    const nodes = consumers.get(queue) ?? []
    const check = `worker on ${queue}`
    if (nodes.length > 0) return pass(check, `consumed by ${nodes.slice(0, 5).join(', ')}`)
    const lacking = deserted.get(queue)
    if (!lacking) return []
    const { detail, advice } = describeDeserted(queue, lacking)
    const waiting = tasks.length > 0 ? `; its tasks: ${tasks.slice(0, 5).join(', ')}` : ''
    return fail(check, `${detail}${waiting}`, advice)
  })
}

async function sizeOf(
  app: AppCore,
  stats: Answers<Readonly<Record<string, unknown>>>,
): Promise<readonly DeployFinding[]> {
  let slots = 0
  for (const { pool } of Object.values(stats)) {
    const most = (pool as Readonly<Record<string, unknown>> | undefined)?.['max-concurrency']
    if (typeof most === 'number') slots += most
  }
  const reports = await queueReport(app, await knownQueues(app))
  const waiting = reports.reduce((sum, { ready }) => sum + ready, 0)
  const detail = `${counted(waiting, 'task waits', 'tasks wait')} for ${counted(slots, 'slot')} of ${counted(Object.keys(stats).length, 'worker')}`
  return [
    waiting > MOST_A_SLOT * slots
      ? fail('sizing', detail, 'Start more workers, or give them more slots.', 'warn')
      : pass('sizing', detail),
  ]
}

/** The app's own checks: its warehouse, its flags, its runbook. */
async function ownOf(app: AppCore): Promise<readonly DeployFinding[]> {
  const findings: DeployFinding[] = []
  for (const { name, run, advice = 'See the output of the check.' } of app.deployChecks) {
    try {
      const found = await run()
      findings.push(pass(name, typeof found === 'string' ? found : 'passed'))
    } catch (error) {
      findings.push(fail(name, messageOf(error), advice))
    }
  }
  return findings
}

const pass = (check: string, detail: string): DeployFinding => ({ check, verdict: 'pass', detail })
const fail = (
  check: string,
  detail: string,
  advice: string,
  verdict: 'warn' | 'fail' = 'fail',
): DeployFinding => ({ check, verdict, detail, advice })
