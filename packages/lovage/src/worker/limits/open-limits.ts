import type { Lovage } from '../../app/index.js'
import { type CoordinationStore, openCoordinationStore } from '../../coordination/index.js'
import { isLovageError, newId } from '../../kernel/index.js'
import type { Job } from '../pools/job.js'
import { QueueGate } from './queue-gate.js'
import { Revokes } from './revokes.js'
import { TaskLimits, type Verdict } from './task-limits.js'

/** What becomes of a task that was claimed: as its limits say, or back to its queue, which is closed for a while. */
export type Admittance = Verdict | { readonly kind: 'requeue' }

/** Everything that keeps a worker from running what it could run. */
export interface WorkerLimits {
  readonly revokes: Revokes
  readonly tasks: TaskLimits
  readonly queues: QueueGate
  /** Whether a task must be asked about before it is run. */
  concerns(job: Job, queue: string): boolean
  /** Decides about tasks that were claimed together. */
  admit(jobs: readonly { readonly job: Job; readonly queue: string }[]): Promise<readonly Admittance[]>
  start(): Promise<void>
  stop(): Promise<void>
}

/** What a worker wants to hear. */
export interface LimitListeners {
  readonly onRevoked: () => void
  readonly onQueues: () => void
}

/** Opens the limits where the app keeps them. */
export async function openLimits(app: Lovage, on: LimitListeners): Promise<WorkerLimits> {
  const { clock, logger, conf } = app
  const own = await openOwnStore(app)
  const cluster = await clusterStore(app, own)
  const revokes = new Revokes(cluster, logger, on.onRevoked)
  const tasks = new TaskLimits({ cluster, own, clock, logger })
  const rates = new Map(app.router.declared.map(({ name, rateLimit }) => [name, rateLimit]))
  const queues = new QueueGate({
    cluster,
    clock,
    logger,
    rateOf: (queue) => (conf.workerDisableRateLimits ? null : rates.get(queue)),
    onChange: on.onQueues,
  })
  return {
    revokes,
    tasks,
    queues,
    concerns: ({ task }, queue) => tasks.applies(task) || queues.limits(queue),
    async admit(jobs) {
      const admittances: Admittance[] = []
      for (const { queue } of jobs)
        admittances.push((await queues.take(queue)) ? { kind: 'run' } : { kind: 'requeue' })
      const open = jobs.flatMap(({ job }, place) =>
        admittances[place]?.kind === 'run' && tasks.applies(job.task) ? [{ job, place }] : [],
      )
      if (open.length === 0) return admittances
      const verdicts = await tasks.admit(open.map(({ job }) => job))
      open.forEach(({ place }, at) => {
        admittances[place] = verdicts[at] ?? { kind: 'requeue' }
      })
      return admittances
    },
    async start() {
      await Promise.all([revokes.start(), tasks.start(), queues.start()])
    },
    async stop() {
      revokes.stop()
      tasks.stop()
      queues.stop()
      await own.close()
    },
  }
}

const openOwnStore = ({ conf, clock, logger }: Lovage): Promise<CoordinationStore> =>
  openCoordinationStore(`memory://worker-${newId()}`, { settings: conf, clock, logger })

/** A broker without a store of agreements leaves a worker to itself. */
async function clusterStore(app: Lovage, own: CoordinationStore): Promise<CoordinationStore> {
  try {
    return await app.coordination()
  } catch (error) {
    if (!isLovageError(error) || error.code !== 'LVG_DRIVER_UNKNOWN') throw error
    app.logger.warn(
      {},
      'Rate and concurrency limits, revokes and pauses hold for this worker alone: set coordinationUrl to share them.',
    )
    return own
  }
}
