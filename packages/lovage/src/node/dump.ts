import type { AppCore } from '../app/core/index.js'
import type { Unsubscribe } from '../kernel/index.js'
import { counted } from '../kernel/index.js'
import type { Claim, Worker } from '../worker/index.js'

/** On USR1, logs the worker's state: one line for itself, one for each running task. */
export function dumpOnSignal({ logger, clock }: AppCore, worker: () => Worker | undefined): Unsubscribe {
  const dump = (): void => {
    const now = worker()
    if (!now) return logger.warn({ signal: 'SIGUSR1' }, 'the worker is not connected yet')
    const { rss, heapUsed } = process.memoryUsage()
    const { pool, active, reserved, processed, hostname, queues } = now
    logger.warn(
      {
        hostname,
        pid: process.pid,
        uptime_s: Math.round(process.uptime()),
        pool: pool.kind,
        slots: pool.slots,
        pids: pool.pids,
        ...pool.stats,
        queues,
        active: active.length,
        reserved: reserved.length,
        processed,
        rss_kib: Math.round(rss / 1024),
        heap_kib: Math.round(heapUsed / 1024),
        resources: process.getActiveResourcesInfo().length,
      },
      `${hostname}: ${counted(active.length, 'task runs', 'tasks run')}, ${counted(reserved.length, 'waits', 'wait')}, ${counted(processed, 'has', 'have')} ended`,
    )
    for (const claim of active) logger.warn(factsOf(claim, clock.now()), describe(claim, clock.now()))
  }
  process.on('SIGUSR1', dump)
  return () => process.off('SIGUSR1', dump)
}

function factsOf({ job, delivery, startedMs }: Claim, nowMs: number): object {
  const { context } = job
  return {
    task_id: context.id,
    task_name: context.name,
    queue: delivery.queue,
    retry_count: context.retries,
    redeliveries: delivery.redeliveries,
    running_ms: startedMs === undefined ? 0 : nowMs - startedMs,
    args: context.wireHeaders.argsrepr,
    kwargs: context.wireHeaders.kwargsrepr,
  }
}

function describe({ job, startedMs }: Claim, nowMs: number): string {
  const seconds = ((nowMs - (startedMs ?? nowMs)) / 1000).toFixed(1)
  return `Task ${job.context.name}[${job.context.id}] has been running for ${seconds} s`
}
