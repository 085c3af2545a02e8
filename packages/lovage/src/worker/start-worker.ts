import type { Lovage } from '../app/index.js'
import { CapabilityError } from '../kernel/index.js'
import { addBuiltinTasks } from './builtin-tasks.js'
import { openLimits } from './limits/open-limits.js'
import { checkLimits, limitsOf } from './time-limits.js'
import { Worker } from './worker.js'
import { nodeNameOf, type WorkerOptions } from './worker-options.js'

/** Connects, declares the queues and begins to consume. */
export async function startWorker(app: Lovage, options: WorkerOptions = {}): Promise<Worker> {
  addBuiltinTasks(app)
  for (const { name, options: own } of app.tasks) checkLimits(name, limitsOf(own))
  const hostname = nodeNameOf(options)
  await app.signals.tell('workerInit', { hostname })
  const broker = await app.broker()
  const results = app.hasResults ? await app.results() : undefined
  const worker: Worker = new Worker(
    app,
    {
      broker,
      results,
      limits: await openLimits(app, {
        onRevoked: () => worker.dropRevoked(),
        onQueues: () => worker.followGate(),
        held: () => worker.held,
      }),
    },
    options,
  )
  if (worker.pool.isRemote && !broker.capabilities.shared) {
    throw new CapabilityError(
      `The broker ${broker.location} is in this process, out of reach of the children of a ${worker.pool.kind} pool.`,
      { code: 'LVG_CAPABILITY_MISSING', hint: 'Use -P async, or a broker that processes share.' },
    )
  }
  await worker.pool.start(worker.ears)
  // In every process that runs tasks; children tell it for themselves.
  if (!worker.pool.isRemote) await app.signals.tell('workerProcessInit', { hostname })
  await broker.declare(worker.queues.map((name) => app.router.queue(name)))
  await worker.consume()
  app.signals.emit('workerReady', { hostname })
  return worker
}
