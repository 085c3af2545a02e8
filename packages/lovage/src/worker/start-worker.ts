import type { AppCore } from '../app/core/index.js'
import { workerDirect } from '../broker/index.js'
import { CapabilityError } from '../kernel/index.js'
import { Autoscaler } from './autoscaler.js'
import { addBuiltinTasks } from './builtin-tasks.js'
import { openCore } from './open-core.js'
import { Stopping } from './stopping.js'
import { checkLimits, limitsOf } from './time-limits.js'
import { Worker } from './worker.js'
import { checkWorkerOptions, nodeNameOf, type WorkerOptions } from './worker-options.js'

/** Connects, declares the queues and begins to consume. */
export async function startWorker(app: AppCore, options: WorkerOptions = {}): Promise<Worker> {
  checkWorkerOptions(options)
  addBuiltinTasks(app)
  for (const { name, options: own } of app.tasks) checkLimits(name, limitsOf(own))
  const hostname = nodeNameOf(options)
  await app.signals.tell('workerInit', { hostname })
  const { clock, conf, logger } = app
  const stopping = new Stopping(clock, conf)
  const core = await openCore(app, options, stopping)
  const { broker, pool } = core
  if (pool.isRemote && !broker.capabilities.shared) {
    throw new CapabilityError(
      `The broker ${broker.location} is in this process, out of reach of the children of a ${pool.kind} pool.`,
      { code: 'LVG_CAPABILITY_MISSING', hint: 'Use -P async, or a broker that processes share.' },
    )
  }
  const { autoscale } = options
  const autoscaler = autoscale && new Autoscaler(autoscale, { broker, clock, logger })
  const worker = new Worker(core, {
    queues: queuesOf(app, options, hostname),
    stopping,
    autoscaler,
    steps: [...(options.steps ?? []), ...(autoscaler ? [autoscaler] : []), ...app.steps],
  })
  await pool.start(worker.listener)
  // Emitted in every process that runs tasks; children emit it themselves.
  if (!pool.isRemote) await app.signals.tell('workerProcessInit', { hostname })
  await broker.declare(worker.queues.map((name) => app.router.queue(name)))
  await worker.consume()
  app.signals.emit('workerReady', { hostname })
  return worker
}

function queuesOf(app: AppCore, options: WorkerOptions, hostname: string): readonly string[] {
  const queues = options.queues ?? app.router.declared.map((queue) => queue.name)
  return app.conf.workerDirect ? [...queues, app.router.know(workerDirect(hostname))] : queues
}
