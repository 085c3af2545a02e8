import type { AppCore } from '../app/core/index.js'
import { RemoteControl } from '../control/index.js'
import { startWorker as startBareWorker, type Worker, type WorkerOptions } from '../worker/index.js'
import { type EndpointOptions, Endpoints } from './endpoints.js'

/** The options of a worker in its process. */
export interface StartOptions extends WorkerOptions {
  /** The action of `control shutdown`. Default: the worker stops, warm; the process remains the caller's. */
  readonly onShutdown?: () => void
  /** Seconds between heartbeats; 0 = none, so that monitors do not see this worker. Default 2, which monitors expect. */
  readonly heartbeatSeconds?: number
  /**
   * Whether the worker asks all others for one of its own name, and warns of it. Default true; in a fleet of many hundreds it is a message
   * to each at every start.
   */
  readonly asksForNamesakes?: boolean
  /** The address of `/metrics` and `/health`. Default: none, unless `workerMetricsPort` is set. */
  readonly endpoints?: EndpointOptions
}

/** Connects, declares the queues and starts consuming; the worker answers remote control and sends events. */
export async function startWorker(app: AppCore, options: StartOptions = {}): Promise<Worker> {
  const {
    onShutdown = () => void worker.stop('warm'),
    heartbeatSeconds,
    asksForNamesakes = true,
    endpoints = endpointsOf(app),
    steps = [],
    ...rest
  } = options
  const control = new RemoteControl(app, {
    shutdown: onShutdown,
    asksForNamesakes,
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
