import type { Lovage } from '../app/index.js'
import { RemoteControl } from '../control/index.js'
import { startWorker as startBareWorker, type Worker, type WorkerOptions } from '../worker/index.js'

/** What a worker of a process may be told. */
export interface StartOptions extends WorkerOptions {
  /** What `control shutdown` does. Default: the worker stops, warm; the process is the caller's. */
  readonly onShutdown?: () => void
}

/** Connects, declares the queues and begins to consume; the worker answers remote control and tells events. */
export async function startWorker(app: Lovage, options: StartOptions = {}): Promise<Worker> {
  const { onShutdown = () => void worker.stop('warm'), steps = [], ...rest } = options
  const control = new RemoteControl(app, { shutdown: onShutdown })
  const worker: Worker = await startBareWorker(app, { ...rest, steps: [control, ...steps] })
  return worker
}
