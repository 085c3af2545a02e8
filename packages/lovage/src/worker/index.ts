export type { Job, WorkerPool } from './pools/pool.js'
export { type StopKind, startWorker, Worker, type WorkerOptions } from './worker.js'
