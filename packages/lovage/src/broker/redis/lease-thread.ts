import { parentPort, workerData } from 'node:worker_threads'
import { createLogger } from '../../kernel/index.js'
import { isConnectionLoss, RedisConnection } from '../../redis-client/index.js'
import { RedisKeys } from './keys.js'
import type { KeptLease, LeaseReport, LeaseRequest, LeaseThreadData } from './lease-protocol.js'
import { RENEW } from './scripts.js'

/** A lease in this thread's care. */
interface Kept {
  readonly lease: KeptLease
  /** The main thread knows that we do. */
  isTold: boolean
  /** The main thread has stood still for too long. */
  isLetGo: boolean
  timer?: NodeJS.Timeout
}

/**
 * Renews leases beside the main thread, so that a task which blocks the event loop keeps what its process holds: up to
 * `maxBlockMs`, then the process counts as dead and others get its tasks. What is held stands on the server, so
 * the thread knows holders only.
 */
const port = parentPort
if (!port) throw new Error('lease-thread is started by LeaseKeeper')
const { target, keyOptions, pulse } = workerData as LeaseThreadData
const beat = new BigInt64Array(pulse)
const keys = new RedisKeys(target.keyPrefix, target.db, keyOptions)
const connection = new RedisConnection(target, 'lovage:leases')
const logger = createLogger({ name: 'lovage' })
const leases = new Map<string, Kept>()
const RETRY_MS = 250

port.on('message', (request: LeaseRequest) => {
  switch (request.kind) {
    case 'keep':
      leases.set(request.lease.holder, { lease: request.lease, isTold: false, isLetGo: false })
      void renew(request.lease.holder)
      break
    case 'release':
      clearTimeout(leases.get(request.holder)?.timer)
      leases.delete(request.holder)
  }
})

async function renew(holder: string): Promise<void> {
  const kept = leases.get(holder)
  if (!kept) return
  const { leaseMs, renewMs } = kept.lease
  const startMs = Date.now()
  let pauseMs = renewMs
  try {
    if (await mayKeep(kept)) {
      const named = [keys.holders, keys.held(holder), keys.unackedIndex] as const
      await RENEW.run(connection, [...named], [holder, leaseMs])
      if (!kept.isTold) port?.postMessage({ holder } satisfies LeaseReport)
      kept.isTold = true
    }
  } catch (error) {
    // An outage is told by the main thread's own connection.
    if (!isConnectionLoss(error) && !connection.isClosed)
      logger.error({ err: error }, 'a lease was not renewed')
    pauseMs = Math.min(renewMs, RETRY_MS)
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
    const tasks = await heldTasks(holder)
    logger.warn(
      { holder, blockedMs, tasks },
      `The event loop has stood still for ${Math.round(blockedMs / 1000)} s in ${tasks.join(', ')}: its tasks go to other workers`,
    )
  }
  return false
}

/** Names of tasks that the holder holds; with one at a time, the one that blocks. */
async function heldTasks(holder: string): Promise<string[]> {
  const tags = (await connection.command<string[]>('hkeys', keys.held(holder))).filter((tag) => tag !== '')
  if (tags.length === 0) return []
  const values = await connection.send<(string | null)[]>('hmget', [keys.unacked, ...tags.slice(0, 20)])
  const names = values.map((value) => value?.match(/"task"\s*:\s*"([^"]+)"/)?.[1])
  return [...new Set(names.filter((name) => name !== undefined))]
}
