import type { Lovage } from '../app/index.js'
import { RemoteControl } from '../control/index.js'
import { startWorker as startBareWorker, type Worker, type WorkerOptions } from '../worker/index.js'
import { type EndpointOptions, Endpoints } from './endpoints.js'

/** What a worker of a process may be told. */
export interface StartOptions extends WorkerOptions {
  /** What `control shutdown` does. Default: the worker stops, warm; the process is the caller's. */
  readonly onShutdown?: () => void
  /** Where `/metrics` and `/health` are served. Default: nowhere, unless `workerMetricsPort` says. */
  readonly endpoints?: EndpointOptions
}

/** Connects, declares the queues and begins to consume; the worker answers remote control and tells events. */
export async function startWorker(app: Lovage, options: StartOptions = {}): Promise<Worker> {
  const {
    onShutdown = () => void worker.stop('warm'),
    endpoints = endpointsOf(app),
    steps = [],
    ...rest
  } = options
  const control = new RemoteControl(app, { shutdown: onShutdown })
  const worker: Worker = await startBareWorker(app, {
    ...rest,
    steps: [control, ...(endpoints ? [new Endpoints(app, endpoints)] : []), ...steps],
  })
  return worker
}

function endpointsOf({ conf }: Lovage): EndpointOptions | undefined {
  const { workerMetricsPort: port, workerMetricsHost: host } = conf
  return port === undefined ? undefined : { port, host }
}
