export { EventMetrics, type EventMetricsOptions } from './event-metrics.js'
export { measureQueues, type QueueMetrics } from './queue-metrics.js'
export { measureWorker, type WorkerMetrics } from './worker-metrics.js'
