import type { AppCore } from '../app/core/index.js'
import type { RunEnvironment } from '../app/tasks/index.js'
import type { Broker } from '../broker/index.js'
import type { ResultBackend } from '../result/index.js'
import type { Claims } from './claims.js'
import type { FollowUps } from './follow-ups.js'
import type { LateConsumer } from './late-consumer.js'
import type { WorkerLimits } from './limits/worker-limits.js'
import type { Line } from './line.js'
import type { WorkerPool } from './pools/pool.js'
import type { Refusals } from './refusals.js'
import type { StartedTracker } from './started-tracker.js'
import type { TimeLimits } from './time-limits.js'

/** The environment of runs in this process, also used to answer children's requests. */
export type WorkerEnvironment = RunEnvironment & Required<Pick<RunEnvironment, 'sendEvent'>>

/** The shared parts of one worker. Each component takes the ones it needs. */
export interface WorkerCore {
  readonly app: AppCore
  /** `name@host`. */
  readonly hostname: string
  readonly broker: Broker
  /** undefined = results are not kept. */
  readonly results: ResultBackend | undefined
  readonly consumer: LateConsumer
  readonly claims: Claims
  readonly limits: WorkerLimits
  readonly pool: WorkerPool
  readonly line: Line
  readonly timeLimits: TimeLimits
  /** undefined = STARTED is not shown. */
  readonly started: StartedTracker | undefined
  readonly environment: WorkerEnvironment
  readonly followUps: FollowUps
  readonly refusals: Refusals
}
