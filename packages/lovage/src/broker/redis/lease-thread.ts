import { parentPort, workerData } from 'node:worker_threads'
import { createLogger, messageOf } from '../../kernel/index.js'
import { RedisConnection } from '../../redis-client/index.js'
import { RedisKeys } from './keys.js'
import type { KeptLease, LeaseReport, LeaseRequest, LeaseThreadData } from './lease-protocol.js'
import { RENEW } from './scripts.js'

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
const leases = new Map<string, { readonly lease: KeptLease; timer?: NodeJS.Timeout; isLetGo: boolean }>()

port.on('message', (request: LeaseRequest) => {
  switch (request.kind) {
    case 'keep':
      leases.set(request.lease.holder, { lease: request.lease, isLetGo: false })
      void renew(request.lease.holder, true)
      break
    case 'release':
      clearTimeout(leases.get(request.holder)?.timer)
      leases.delete(request.holder)
      break
    case 'close':
      for (const { timer } of leases.values()) clearTimeout(timer)
      connection.close()
      port.close()
  }
})

async function renew(holder: string, isFirst = false): Promise<void> {
  const kept = leases.get(holder)
  if (!kept) return
  const { lease } = kept
  const startMs = Date.now()
  let error: string | undefined
  try {
    if (await mayKeep(kept)) {
      await RENEW.run(
        connection,
        [keys.holders, keys.held(holder), keys.unackedIndex],
        [holder, lease.leaseMs],
      )
    }
  } catch (thrown) {
    // The main thread reports a server that is away; a renewal that failed is tried again at the next turn.
    error = messageOf(thrown)
  }
  if (isFirst) port?.postMessage({ kind: 'kept', holder, ...(error ? { error } : {}) } satisfies LeaseReport)
  if (leases.get(holder) !== kept) return
  const pauseMs = error ? Math.min(lease.renewMs, 250) : lease.renewMs - (Date.now() - startMs)
  kept.timer = setTimeout(() => void renew(holder), Math.max(10, pauseMs))
}

/** False while the main thread stands still for longer than it may; says so once, with the tasks' names. */
async function mayKeep(kept: { readonly lease: KeptLease; isLetGo: boolean }): Promise<boolean> {
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
