import { parentPort, workerData } from 'node:worker_threads'
import { createLogger, type Logger, systemClock } from '../../kernel/index.js'
import { withoutRepetition } from '../../process/index.js'
import { SHORTEST_SILENCE_MS } from './kept-lease.js'
import type { KeptLease, LeaseChange, LeaseReport, LeaseRequest, LeaseThreadData } from './lease-protocol.js'
import { tellStandstill } from './standstill.js'

/** A driver's operations in the thread. */
export interface LeaseThread {
  renew(lease: KeptLease): Promise<unknown>
  /** Names of the tasks that the holder has claimed; with one at a time, the one that blocks. */
  heldTasks(holder: string): Promise<readonly string[]>
  /** Cuts a connection that does not respond. */
  drop(): void
  /** Whether an error is an outage, which the main thread reports. */
  isOutage(error: unknown): boolean
  /** Disconnects for good. */
  close(): void
}

/** A lease kept by this thread. */
interface Kept {
  readonly lease: KeptLease
  /** The main thread knows that this thread keeps it. */
  isTold: boolean
  /** The main thread has been blocked for too long. */
  isLetGo: boolean
  timer: NodeJS.Timeout
}

const RETRY_MS = 250

/**
 * Renews leases in parallel to the main thread, so that a task which blocks the event loop keeps the claims of its process: up to
 * `maxBlockMs`, then the process counts as dead and its tasks go to others. The claims are recorded on the server, so
 * the thread knows only holders.
 *
 * @param open Connects for one of the keepers that share this thread, with the data that the main thread has given for it.
 */
export function keepLeases<Data extends object>(open: (data: Data) => LeaseThread): void {
  const port = parentPort
  if (!port) throw new Error('leases are kept in a thread that LeaseKeeper has started')
  const { pulse } = workerData as LeaseThreadData
  const beat = new BigInt64Array(pulse)
  const keepers = new Map<number, KeptLeases>()
  port.on('message', (request: LeaseRequest) => {
    const { keeper } = request
    // The main thread sends what the driver's own type says.
    if (request.kind === 'open') keepers.set(keeper, keptLeases(open(request.data as Data), beat, tell))
    else if (request.kind === 'close') {
      keepers.get(keeper)?.close()
      keepers.delete(keeper)
    } else keepers.get(keeper)?.change(request)

    function tell(holder: string): void {
      port?.postMessage({ keeper, holder } satisfies LeaseReport)
    }
  })
}

/**
 * How long a renewal may take, and connecting for it, before another connection is tried. The lease leaves time for two more attempts; if
 * it is short, a busy server is rather waited for: connecting again would keep it busier.
 */
const silenceMs = ({ leaseMs, renewMs }: KeptLease): number =>
  Math.max(renewMs / 2, Math.min(SHORTEST_SILENCE_MS, leaseMs - renewMs))

/** The leases of one keeper. */
interface KeptLeases {
  change(change: LeaseChange): void
  close(): void
}

function keptLeases(
  { renew, heldTasks, drop, isOutage, close }: LeaseThread,
  beat: BigInt64Array,
  tell: (holder: string) => void,
): KeptLeases {
  let made: Logger | undefined
  const logger = (): Logger => {
    made ??= createLogger({ name: 'lovage' })
    return made
  }
  const unrenewed = withoutRepetition(
    (error) => logger().error({ err: error }, 'a lease was not renewed'),
    systemClock,
  )
  const leases = new Map<string, Kept>()

  return {
    change(change) {
      if (change.kind === 'release') {
        clearTimeout(leases.get(change.holder)?.timer)
        leases.delete(change.holder)
        return
      }
      const { lease, renewedMs } = change
      const dueMs = Math.max(0, renewedMs + lease.renewMs - Date.now())
      const timer = setTimeout(() => void turn(lease.holder), dueMs)
      leases.set(lease.holder, { lease, isTold: false, isLetGo: false, timer })
    },
    close() {
      for (const { timer } of leases.values()) clearTimeout(timer)
      leases.clear()
      close()
    },
  }

  async function turn(holder: string): Promise<void> {
    const kept = leases.get(holder)
    if (!kept) return
    const startMs = Date.now()
    let pauseMs = kept.lease.renewMs
    const silence = setTimeout(drop, silenceMs(kept.lease))
    try {
      if (await mayKeep(kept)) {
        await renew(kept.lease)
        if (!kept.isTold) tell(holder)
        kept.isTold = true
      }
    } catch (error) {
      if (!isOutage(error)) unrenewed(error)
      pauseMs = Math.min(pauseMs, RETRY_MS)
    } finally {
      clearTimeout(silence)
    }
    if (leases.get(holder) !== kept) return
    kept.timer = setTimeout(() => void turn(holder), Math.max(10, pauseMs - (Date.now() - startMs)))
  }

  /** False while the main thread is blocked for longer than allowed; logs it once, with the tasks' names. */
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
      tellStandstill(logger(), holder, blockedMs, tasks)
    }
    return false
  }
}
