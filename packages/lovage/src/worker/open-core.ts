import type { AppCore } from '../app/core/index.js'
import { Claims } from './claims.js'
import { followUpPorts } from './follow-up-ports.js'
import { FollowUps } from './follow-ups.js'
import { LateConsumer } from './late-consumer.js'
import { openLimits } from './limits/open-limits.js'
import { Line } from './line.js'
import { AsyncPool } from './pools/async-pool.js'
import { Refusals } from './refusals.js'
import { StartedTracker } from './started-tracker.js'
import type { Stopping } from './stopping.js'
import { TimeLimits } from './time-limits.js'
import type { WorkerCore } from './worker-core.js'
import { workerEnvironment } from './worker-environment.js'
import { nodeNameOf, type WorkerOptions } from './worker-options.js'

/** Connects, and creates the parts that a worker's components share. */
export async function openCore(
  app: AppCore,
  options: WorkerOptions,
  stopping: Stopping,
): Promise<WorkerCore> {
  const { conf, clock, logger } = app
  const hostname = nodeNameOf(options)
  const broker = await app.broker()
  const results = app.hasResults ? await app.results() : undefined
  const claims = new Claims()
  const limits = await openLimits(app, claims)
  const pool = options.pool ?? new AsyncPool(options.concurrency ?? conf.workerConcurrency ?? 100, clock)
  const consumer = new LateConsumer()
  const prefetchMultiplier = Math.max(1, options.prefetchMultiplier ?? conf.workerPrefetchMultiplier)
  const started =
    results && conf.taskTrackStarted
      ? new StartedTracker({ results, clock, logger, hostname, extended: conf.resultExtended })
      : undefined
  return {
    app,
    hostname,
    broker,
    results,
    consumer,
    claims,
    limits,
    pool,
    line: new Line({ claims, pool, consumer, stopping, clock, prefetchMultiplier }),
    timeLimits: new TimeLimits(),
    started,
    environment: workerEnvironment(app, { hostname, pool, results, started }),
    followUps: new FollowUps(followUpPorts(app, broker, results)),
    refusals: new Refusals({
      hostname,
      storesResults: results !== undefined,
      now: () => clock.now(),
      handsBack: conf.onUnknownTask === 'handBack',
      optionsOf: (task) => app.tasks.get(task)?.options,
    }),
  }
}
