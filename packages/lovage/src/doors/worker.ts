/**
 * A worker embedded in a program, and the components started with it.
 *
 * @module lovage/worker
 */
import { coreOf } from '../app/core/index.js'
import type { Lovage } from '../app/index.js'
import { type StartOptions, startWorker as startNodeWorker } from '../node/index.js'
import type { Worker } from '../worker/index.js'

export type { StepWorker, WorkerStep } from '../app/core/index.js'
export type { StartOptions } from '../node/index.js'
export type {
  AutoscaleBounds,
  BootStep,
  RunningWorker,
  StopKind,
  StopRequest,
  Worker,
  WorkerOptions,
} from '../worker/index.js'

/**
 * Connects, declares the queues and begins to consume; the worker answers remote control and sends events. The same as
 * the main entry point's `startWorker`, with the worker loaded beforehand.
 *
 * @example
 * import { startWorker } from 'lovage/worker'
 * const worker = await startWorker(app, { queues: ['mail'], concurrency: 20 })
 */
export const startWorker = (app: Lovage, options?: StartOptions): Promise<Worker> =>
  startNodeWorker(coreOf(app), options)
