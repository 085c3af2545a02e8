/**
 * Functions that a program that sends tasks seldom needs: they are declared here, their implementation is loaded on the first call.
 * `lovage/worker` has the worker without that delay.
 */
import { coreOf } from '../app/core/index.js'
import type { OpenBreaker } from '../app/fleet/index.js'
import type { Lovage } from '../app/index.js'
import type { OpenBeat, OpenBeatOptions, ScheduleLocation, Schedules } from '../beat/index.js'
import type {
  DeployFinding,
  Finding,
  Health,
  HealthThresholds,
  QueueScale,
  ScalePolicy,
} from '../health/index.js'
import type { StartOptions } from '../node/index.js'
import type { Worker } from '../worker/index.js'

/**
 * Connects, declares the queues and begins to consume; the worker answers remote control and sends events.
 *
 * @example
 * import { startWorker } from 'lovage'
 * const worker = await startWorker(app, { queues: ['mail'], concurrency: 20 })
 */
export async function startWorker(app: Lovage, options?: StartOptions): Promise<Worker> {
  return (await import('../node/index.js')).startWorker(coreOf(app), options)
}

/**
 * Creates a beat for an app; `beat.run()` starts it.
 * @throws {ConfigurationError} LVG_SCHEDULE_INVALID for an invalid entry, LVG_CONFIG_INVALID, LVG_DRIVER_…
 * @example
 * import { openBeat } from 'lovage'
 * const opened = await openBeat(app)
 */
export async function openBeat(app: Lovage, options?: OpenBeatOptions): Promise<OpenBeat> {
  return (await import('../beat/index.js')).openBeat(coreOf(app), options)
}

/**
 * Opens an app's schedule, to read and change it while beats run, or while none does.
 *
 * @example
 * import { openSchedules } from 'lovage'
 * await using schedules = await openSchedules(app)
 * await schedules.list()
 */
export async function openSchedules(app: Lovage, options?: ScheduleLocation): Promise<Schedules> {
  return (await import('../beat/index.js')).openSchedules(coreOf(app), options)
}

/**
 * The state of queues and workers, and its causes: the output of `lovage health`.
 *
 * @example
 * import { getQueueHealth } from 'lovage'
 * const { status, queues } = await getQueueHealth(app, { queues: ['mail'] })
 */
export async function getQueueHealth(
  app: Lovage,
  thresholds?: HealthThresholds & { readonly queues?: readonly string[] },
): Promise<Health> {
  return (await import('../health/index.js')).getQueueHealth(coreOf(app), thresholds)
}

/**
 * The load of queues that the same workers consume, and the replicas for it: what an exporter serves at `/scale/<queue>`.
 *
 * @throws {ConfigurationError} LVG_USAGE for a queue that neither the app nor the broker knows.
 * @throws {ConnectionError} LVG_CONNECTION_FAILED when the load is unknown.
 * @example
 * import { getScale } from 'lovage'
 * const { desired } = await getScale(app, ['mail'], { slots: 8, max: 20 })
 */
export async function getScale(
  app: Lovage,
  queues: readonly string[],
  policy: ScalePolicy,
): Promise<QueueScale> {
  return (await import('../health/index.js')).getScale(coreOf(app), queues, policy)
}

/**
 * Checks everything that a program needs to work: the output of `lovage doctor`.
 *
 * @example
 * import { examine } from 'lovage'
 * for (const { check, passed, detail } of await examine(app)) console.log(passed ? 'PASS' : 'FAIL', check, detail)
 */
export async function examine(app: Lovage): Promise<readonly Finding[]> {
  return (await import('../health/index.js')).examine(coreOf(app))
}

/**
 * Checks what production needs: the output of `lovage check --deploy`.
 *
 * @example
 * import { checkDeploy } from 'lovage'
 * const failed = (await checkDeploy(app)).filter(({ verdict }) => verdict === 'fail')
 */
export async function checkDeploy(app: Lovage): Promise<readonly DeployFinding[]> {
  return (await import('../health/index.js')).checkDeploy(coreOf(app))
}

/**
 * The fleet's circuit breakers that are not closed.
 *
 * @example
 * import { getOpenBreakers } from 'lovage'
 * console.log((await getOpenBreakers(app)).length, 'circuits are open')
 */
export async function getOpenBreakers(app: Lovage): Promise<readonly OpenBreaker[]> {
  return (await import('../app/fleet/index.js')).openBreakers(coreOf(app))
}
