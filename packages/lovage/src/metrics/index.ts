export { measureWorker, type WorkerMetrics } from './worker-metrics.js'
