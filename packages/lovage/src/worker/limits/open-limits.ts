import type { Lovage } from '../../app/index.js'
import type { Outcome } from '../../app/tasks/index.js'
import type { CoordinationStore } from '../../coordination/index.js'
import { keepsNoAgreements, openCoordinationStore } from '../../drivers/index.js'
import { newId } from '../../kernel/index.js'
import type { TaskHeaders } from '../../message/index.js'
import type { Job } from '../pools/job.js'
import { Breakers, type BreakerVerdict } from './breakers.js'
import { CallGuards } from './call-guards.js'
import { QueueGate } from './queue-gate.js'
import { Revokes } from './revokes.js'
import { TaskLimits, type Verdict } from './task-limits.js'

/**
 * What becomes of a task that was claimed: as its limits and its circuit breaker say, or back to its queue, which is closed for a
 * while, or nothing more, because a later call has taken its place.
 */
export type Admittance =
  | Verdict
  | BreakerVerdict
  | { readonly kind: 'requeue' }
  | { readonly kind: 'superseded' }

/** Everything that keeps a worker from running what it could run. */
export interface WorkerLimits {
  /** What was agreed on: in the cluster, or, where the broker has no place for that, in this worker alone. */
  readonly store: CoordinationStore
  readonly revokes: Revokes
  readonly tasks: TaskLimits
  readonly queues: QueueGate
  readonly guards: CallGuards
  /** Whether a task must be asked about before it is run. */
  concerns(job: Job, queue: string): boolean
  /** Decides about tasks that were claimed together. */
  admit(jobs: readonly { readonly job: Job; readonly queue: string }[]): Promise<readonly Admittance[]>
  /** A run has ended, and counts for the task's circuit breaker and its key. */
  ended(job: Job, outcome: Outcome): Promise<void> | undefined
  /** A message was ended without a run. */
  discarded(headers: TaskHeaders): Promise<void> | undefined
  /** A task is no longer held here, and has not ended. */
  lost(job: Job): void
  start(): Promise<void>
  stop(): Promise<void>
}

/** What a worker wants to hear. */
export interface LimitListeners {
  readonly onRevoked: () => void
  readonly onQueues: () => void
  /** What the worker holds. */
  readonly held: () => Iterable<Job>
}

/** Opens the limits where the app keeps them. */
export async function openLimits(app: Lovage, on: LimitListeners): Promise<WorkerLimits> {
  const { clock, logger, conf } = app
  const own = await openOwnStore(app)
  const cluster = await clusterStore(app, own)
  const revokes = new Revokes(cluster, logger, on.onRevoked)
  const tasks = new TaskLimits({ cluster, own, clock, logger })
  const breakers = new Breakers({ cluster, clock, logger, signals: app.signals })
  const guards = new CallGuards({ cluster, clock, logger, held: on.held })
  const rates = new Map(app.router.declared.map(({ name, rateLimit }) => [name, rateLimit]))
  const queues = new QueueGate({
    cluster,
    clock,
    logger,
    rateOf: (queue) => (conf.workerDisableRateLimits ? null : rates.get(queue)),
    onChange: on.onQueues,
  })
  return {
    store: cluster,
    revokes,
    tasks,
    queues,
    guards,
    concerns: (job, queue) =>
      tasks.applies(job.task) || queues.limits(queue) || breakers.applies(job) || guards.applies(job),
    async admit(jobs) {
      const admittances: Admittance[] = jobs.map(() => RUN)
      // What is asked last is what costs a turn: nothing is to take one and not run.
      const ask = async (
        applies: (job: Job) => boolean,
        decide: (jobs: readonly Job[]) => Promise<readonly Admittance[]>,
      ): Promise<void> => {
        const asked = jobs.flatMap(({ job }, place) =>
          admittances[place]?.kind === 'run' && applies(job) ? [{ job, place }] : [],
        )
        if (asked.length === 0) return
        const verdicts = await decide(asked.map(({ job }) => job))
        asked.forEach(({ place }, at) => {
          admittances[place] = verdicts[at] ?? { kind: 'requeue' }
        })
      }
      await ask(
        (job) => guards.applies(job),
        async (asked) =>
          (await guards.areSuperseded(asked)).map((isOver) => (isOver ? { kind: 'superseded' } : RUN)),
      )
      await ask(
        (job) => breakers.applies(job),
        (asked) => breakers.admit(asked),
      )
      for (const [place, { queue }] of jobs.entries())
        if (admittances[place]?.kind === 'run' && !(await queues.take(queue)))
          admittances[place] = { kind: 'requeue' }
      await ask(
        (job) => tasks.applies(job.task),
        (asked) => tasks.admit(asked),
      )
      return admittances
    },
    ended(job, outcome) {
      breakers.ended(job, outcome)
      return guards.ended(job.context.wireHeaders, outcome)
    },
    discarded: (headers) => guards.ended(headers),
    lost(job) {
      breakers.left(job)
      tasks.forget(job)
    },
    async start() {
      await Promise.all([revokes.start(), tasks.start(), queues.start(), breakers.start()])
    },
    async stop() {
      revokes.stop()
      tasks.stop()
      queues.stop()
      guards.stop()
      await breakers.stop()
      await own.close()
    },
  }
}

const RUN: Admittance = { kind: 'run' }

const openOwnStore = ({ conf, clock, logger }: Lovage): Promise<CoordinationStore> =>
  openCoordinationStore(`memory://worker-${newId()}`, { settings: conf, clock, logger })

/** A broker without a store of agreements leaves a worker to itself. */
async function clusterStore(app: Lovage, own: CoordinationStore): Promise<CoordinationStore> {
  try {
    return await app.coordination()
  } catch (error) {
    if (!keepsNoAgreements(error)) throw error
    app.logger.warn(
      {},
      'Rate and concurrency limits, circuit breakers, revokes and pauses hold for this worker alone: set coordinationUrl to share them.',
    )
    return own
  }
}
