import type { AppCore } from '../app/core/index.js'
import type { ConsumeOptions } from '../broker/index.js'
import { longestLimitMs } from './time-limits.js'

/** How long a task may block the event loop without losing its claims, unless a hard limit is longer. */
const MAX_BLOCK_MS = 600_000
/** Celery's `visibility_timeout`, in seconds. */
const VISIBILITY_TIMEOUT = 3600

/** How long a message stays with its consumer. */
export function holdingTimes({
  conf,
  tasks,
}: AppCore): Pick<ConsumeOptions, 'leaseMs' | 'visibilityTimeoutMs' | 'maxBlockMs'> {
  const { visibility_timeout: snake, visibilityTimeout: camel } = conf.brokerTransportOptions
  const seconds = Number(snake ?? camel ?? VISIBILITY_TIMEOUT)
  return {
    leaseMs: conf.brokerLease * 1000,
    visibilityTimeoutMs: (Number.isFinite(seconds) ? seconds : VISIBILITY_TIMEOUT) * 1000,
    maxBlockMs: Math.max(MAX_BLOCK_MS, longestLimitMs(tasks) ?? 0),
  }
}
