import { parentPort, workerData } from 'node:worker_threads'
import { createLogger } from '../../kernel/index.js'
import { isConnectionLoss, openPostgres } from '../../postgres-client/index.js'
import type { KeptLease, LeaseReport, LeaseRequest, LeaseThreadData } from './lease-protocol.js'
import { sql } from './statements.js'

/** A lease in this thread's care. */
interface Kept {
  readonly lease: KeptLease
  isTold: boolean
  /** The main thread has stood still for too long. */
  isLetGo: boolean
  timer?: NodeJS.Timeout
}

const RETRY_MS = 250

/**
 * Renews leases beside the main thread, on a connection of its own, so that a task which blocks the event loop keeps what its
 * process holds: up to `maxBlockMs`, then the process counts as dead and others get its tasks.
 */
const port = parentPort
if (!port) throw new Error('lease-thread is started by LeaseKeeper')
const { url, options, pulse } = workerData as LeaseThreadData
const beat = new BigInt64Array(pulse)
const database = openPostgres(url, { ...options, poolSize: 1, isolated: true })
const logger = createLogger({ name: 'lovage' })
const leases = new Map<string, Kept>()

port.on('message', (request: LeaseRequest) => {
  if (request.kind === 'keep') {
    const { holder, leaseMs, renewedMs } = request.lease
    const pauseMs = Math.max(0, renewedMs + leaseMs / 3 - Date.now())
    const timer = setTimeout(() => void renew(holder), pauseMs)
    leases.set(holder, { lease: request.lease, isTold: false, isLetGo: false, timer })
  } else {
    clearTimeout(leases.get(request.holder)?.timer)
    leases.delete(request.holder)
  }
})

async function renew(holder: string): Promise<void> {
  const kept = leases.get(holder)
  if (!kept) return
  const { leaseMs } = kept.lease
  const startMs = Date.now()
  let pauseMs = leaseMs / 3
  try {
    if (await mayKeep(kept)) {
      await database.query(sql.renew, [holder, Math.ceil(leaseMs)])
      if (!kept.isTold) port?.postMessage({ holder } satisfies LeaseReport)
      kept.isTold = true
    }
  } catch (error) {
    // An outage is told by the main thread.
    if (!isConnectionLoss(error)) logger.error({ err: error }, 'a lease was not renewed')
    pauseMs = Math.min(pauseMs, RETRY_MS)
  }
  if (leases.get(holder) !== kept) return
  kept.timer = setTimeout(() => void renew(holder), Math.max(10, pauseMs - (Date.now() - startMs)))
}

/** False while the main thread stands still for longer than it may; says so once, with the tasks' names. */
async function mayKeep(kept: Kept): Promise<boolean> {
  const { holder, maxBlockMs } = kept.lease
  const blockedMs = Date.now() - Number(Atomics.load(beat, 0))
  if (blockedMs <= maxBlockMs) {
    kept.isLetGo = false
    return true
  }
  if (!kept.isLetGo) {
    kept.isLetGo = true
    const rows = await database.query<{ task: string }>(sql.heldTasks, [holder])
    const tasks = rows.map(({ task }) => task)
    logger.warn(
      { holder, blockedMs, tasks },
      `The event loop has stood still for ${Math.round(blockedMs / 1000)} s in ${tasks.join(', ')}: its tasks go to other workers`,
    )
  }
  return false
}
