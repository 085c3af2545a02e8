import { driverOf } from '../drivers/index.js'
import type { CommandPorts } from './command.js'

/** A worker's totals and configuration, in the shape that Celery's tools read. */
export function statsOf({
  app,
  broker,
  worker,
  startedMs,
  events,
}: CommandPorts): Readonly<Record<string, unknown>> {
  const { pool, limits } = worker
  const { taskTimeLimit = 0, taskSoftTimeLimit = 0 } = app.conf
  return {
    total: Object.fromEntries(worker.totals),
    pid: process.pid,
    // A string, as in Celery.
    clock: String(app.logicalClock.value),
    // This machine's clock, Unix ms: what differs from it is told by `doctor`.
    now_ms: Math.round(app.clock.now()),
    uptime: Math.round((app.clock.now() - startedMs) / 1000),
    pool: {
      implementation: `lovage:${pool.kind}`,
      'max-concurrency': pool.slots,
      processes: pool.pids,
      'max-tasks-per-child': app.conf.workerMaxTasksPerChild ?? 'N/A',
      'put-guarded-by-semaphore': false,
      timeouts: [taskSoftTimeLimit, taskTimeLimit],
      writes: {
        total: worker.processed,
        avg: '0.00',
        all: '',
        raw: '',
        strategy: 'fair',
        inqueues: { total: 0, active: 0 },
      },
      ...pool.stats,
    },
    broker: brokerInfo(
      broker.kind,
      broker.location,
      app.conf.brokerConnectionTimeout,
      app.conf.brokerHeartbeat,
    ),
    ...(worker.autoscaler
      ? { autoscaler: { ...boundsOf(worker.autoscaler.bounds), current: pool.slots, qty: 0 } }
      : {}),
    prefetch_count: pool.slots * app.conf.workerPrefetchMultiplier,
    rusage: rusage(),
    // Tasks held here that other workers were lost with: id → how many.
    redelivered: Object.fromEntries(
      [...worker.active, ...worker.reserved].flatMap(({ delivery: { redeliveries }, job }) =>
        redeliveries > 0 ? [[job.context.id, redeliveries]] : [],
      ),
    ),
    throttled: Object.fromEntries(limits.throttled),
    events_dropped: events.dropped,
  }
}

const boundsOf = ({ max, min }: { readonly max: number; readonly min: number }) => ({ max, min })

function brokerInfo(
  kind: string,
  location: string,
  timeout: number,
  heartbeat: number,
): Readonly<Record<string, unknown>> {
  const url = URL.parse(location)
  return {
    hostname: url?.hostname || location,
    userid: url?.username || null,
    virtual_host: url ? decodeURIComponent(url.pathname.replace(/^\//, '')) || '/' : '/',
    port: url?.port ? Number(url.port) : null,
    insist: false,
    ssl: driverOf(location)?.isEncrypted === true,
    transport: kind,
    connect_timeout: timeout,
    transport_options: {},
    login_method: null,
    uri_prefix: null,
    heartbeat,
    failover_strategy: 'round-robin',
    alternates: [],
    credential_provider: null,
  }
}

/** Names and units of getrusage(2), times in seconds. */
function rusage(): Readonly<Record<string, number>> {
  const usage = process.resourceUsage()
  return {
    utime: usage.userCPUTime / 1e6,
    stime: usage.systemCPUTime / 1e6,
    maxrss: usage.maxRSS,
    ixrss: usage.sharedMemorySize,
    idrss: usage.unsharedDataSize,
    isrss: usage.unsharedStackSize,
    minflt: usage.minorPageFault,
    majflt: usage.majorPageFault,
    nswap: usage.swappedOut,
    inblock: usage.fsRead,
    oublock: usage.fsWrite,
    msgsnd: usage.ipcSent,
    msgrcv: usage.ipcReceived,
    nsignals: usage.signalsCount,
    nvcsw: usage.voluntaryContextSwitches,
    nivcsw: usage.involuntaryContextSwitches,
  }
}
