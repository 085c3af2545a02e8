import type { AppCore } from '../../app/core/index.js'
import type { CoordinationStore } from '../../coordination/index.js'
import { keepsNoAgreements, openCoordinationStore } from '../../drivers/index.js'
import { newId } from '../../kernel/index.js'
import type { Claims } from '../claims.js'
import { WorkerLimits } from './worker-limits.js'

/** Opens a worker's limits where the app keeps them, and registers them as observers of its claims. */
export async function openLimits(app: AppCore, claims: Claims): Promise<WorkerLimits> {
  const { clock, logger, conf, signals } = app
  const broker = await app.broker()
  const own = await openOwnStore(app)
  const cluster = await clusterStore(app, own)
  const rates = new Map(app.router.declared.map(({ name, rateLimit }) => [name, rateLimit]))
  const limits = new WorkerLimits(
    {
      cluster,
      own,
      clock,
      logger,
      signals,
      canPromote: broker.capabilities.browsing,
      promote: async (ids) => void (broker.capabilities.browsing && (await broker.admin.promote(ids))),
    },
    {
      rateOf: (queue) => (conf.workerDisableRateLimits ? null : rates.get(queue)),
      held: () => claims.all.map(({ job }) => job),
    },
  )
  claims.observe(limits)
  return limits
}

const openOwnStore = ({ conf, clock, logger }: AppCore): Promise<CoordinationStore> =>
  openCoordinationStore(`memory://worker-${newId()}`, { settings: conf, clock, logger })

/** With a broker without a coordination store, a worker has its own. */
async function clusterStore(app: AppCore, own: CoordinationStore): Promise<CoordinationStore> {
  try {
    return await app.coordination()
  } catch (error) {
    if (!keepsNoAgreements(error)) throw error
    app.logger.warn(
      {},
      'Rate and concurrency limits, circuit breakers, revokes and pauses apply to this worker only: set coordinationUrl to share them.',
    )
    return own
  }
}
