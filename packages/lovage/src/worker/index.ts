export type { BootStep, RunningWorker, StopKind } from './boot-step.js'
export type { Claim } from './claims.js'
export type { Job, WorkerPool } from './pools/pool.js'
export { startWorker, Worker, type WorkerOptions } from './worker.js'
