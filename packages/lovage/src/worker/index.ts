export { startWorker, Worker, type WorkerOptions, type StopKind } from './worker.js'
export type { Job, WorkerPool } from './pools/pool.js'
