import type { AppCore } from '../app/core/index.js'
import { RemoteControl } from '../control/index.js'
import { startWorker as startBareWorker, type Worker, type WorkerOptions } from '../worker/index.js'
import { type EndpointOptions, Endpoints } from './endpoints.js'

/** What a worker of a process may be told. */
export interface StartOptions extends WorkerOptions {
  /** What `control shutdown` does. Default: the worker stops, warm; the process is the caller's. */
  readonly onShutdown?: () => void
  /** Seconds between two signs of life; 0 = monitors are not told of this worker. Default 2, which monitors expect. */
  readonly heartbeatSeconds?: number
  /** Where `/metrics` and `/health` are served. Default: nowhere, unless `workerMetricsPort` says. */
  readonly endpoints?: EndpointOptions
}

/** Connects, declares the queues and begins to consume; the worker answers remote control and tells events. */
export async function startWorker(app: AppCore, options: StartOptions = {}): Promise<Worker> {
  const {
    onShutdown = () => void worker.stop('warm'),
    heartbeatSeconds,
    endpoints = endpointsOf(app),
    steps = [],
    ...rest
  } = options
  const control = new RemoteControl(app, {
    shutdown: onShutdown,
    ...(heartbeatSeconds === undefined ? {} : { heartbeatSeconds }),
  })
  const worker: Worker = await startBareWorker(app, {
    ...rest,
    steps: [control, ...(endpoints ? [new Endpoints(app, endpoints)] : []), ...steps],
  })
  return worker
}

function endpointsOf({ conf }: AppCore): EndpointOptions | undefined {
  const { workerMetricsPort: port, workerMetricsHost: host } = conf
  return port === undefined ? undefined : { port, host }
}
