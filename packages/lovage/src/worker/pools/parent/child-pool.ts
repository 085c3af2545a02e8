import type { Outcome } from '../../../app/tasks/index.js'
import { type Clock, type Logger, messageOf, type Timer } from '../../../kernel/index.js'
import type { AppSource } from '../../../loader/index.js'
import type { RunLimits } from '../../time-limits.js'
import type { Job } from '../job.js'
import type { PoolListener, PoolStats, WorkerPool } from '../pool.js'
import { Child } from './child.js'
import { OrphanGuard } from './orphan-guard.js'
import type { Order } from './run-queue.js'
import { startProcess, startThread } from './transport.js'

/** Dependencies of a pool of children. */
export interface ChildPoolOptions {
  /** Number of children, and so of concurrent tasks. */
  readonly slots: number
  /** Where the children find the app. */
  readonly source: AppSource
  /** The worker's name, `name@host`. */
  readonly hostname: string
  readonly clock: Clock
  readonly logger: Logger
  /** Runs after which a child is replaced. Default: never. */
  readonly maxTasksPerChild?: number
  /** KiB of resident memory after which a child is replaced, between two tasks. Default: never. */
  readonly maxMemoryPerChild?: number
}

/** A task that runs longer than this has no others waiting behind it. */
const BUSY_MS = 10
/** Maximum number of orders behind a running one. */
const MOST = 16
/** Weight of the newest run in the average. */
const WEIGHT = 0.05
/** Pauses before retrying a child that could not start. */
const SHORTEST_PAUSE_MS = 100
const LONGEST_PAUSE_MS = 10_000
/** How long idle children may take to close their app's connections. */
const STOP_MS = 5000

/**
 * Runs each task in a child, one at a time per child: processes or threads that load the app once. A child that dies is replaced.
 *
 * Short tasks follow each other in a child without a round trip to the parent: about 10 ms' worth of them is sent ahead, while tasks
 * are short on average. None waits behind a long one: orders behind a task that takes longer than that are taken back, for
 * another child, or another worker.
 */
export class ChildPool implements WorkerPool {
  readonly kind: 'prefork' | 'threads'
  readonly isRemote = true
  readonly #options: ChildPoolOptions
  readonly #guard: OrphanGuard | undefined
  readonly #children = new Set<Child>()
  readonly #idle: Child[] = []
  readonly #waiting: Order[] = []
  readonly #pauses = new Set<Timer>()
  #slots: number
  #listener: PoolListener | undefined
  #lost = 0
  #replaced = 0
  #failures = 0
  /** Why a child cannot start, and no other could either. */
  #unfit: Error | undefined
  #meanMs = BUSY_MS
  #sweep: NodeJS.Timeout | undefined
  #isStopping = false
  #onChange: (() => void) | undefined

  constructor(kind: 'prefork' | 'threads', options: ChildPoolOptions) {
    this.kind = kind
    this.#options = options
    this.#slots = options.slots
    if (kind === 'prefork') this.#guard = new OrphanGuard(options.logger)
  }

  get slots(): number {
    return this.#slots
  }
  get pids(): readonly number[] {
    return [...this.#children].sort((left, right) => left.index - right.index).map(({ pid }) => pid)
  }
  get stats(): PoolStats {
    return { zombies: 0, lost: this.#lost, replaced: this.#replaced }
  }

  /**
   * Resolves when every child has loaded the app; rejects with the error of the first one that cannot. A child that is killed while it
   * starts is tried again.
   */
  async start(listener: PoolListener): Promise<void> {
    this.#listener = listener
    this.#guard?.start()
    this.#fill()
    while (this.#idle.length < this.#slots && !this.#unfit) await this.#changed()
    if (this.#unfit) {
      await this.stop('cold')
      throw this.#unfit
    }
  }

  get capacity(): number {
    let orders = 0
    for (const child of this.#children) {
      if (child.state !== 'retired') orders += Math.max(1, child.size + child.room(this.#depth, BUSY_MS))
    }
    return Math.max(this.#slots, orders)
  }

  run(job: Job, limits: RunLimits = {}, onBegun: Order['onBegun'] = () => {}): Promise<Outcome | undefined> {
    return new Promise((resolve) => {
      const order = { job, limits, onBegun, resolve }
      const child = this.#childFor(job)
      if (child) this.#give(child, order)
      else this.#waiting.push(order)
    })
  }

  async resize(slots: number): Promise<void> {
    this.#slots = Math.max(1, slots)
    // The idle ones first; a busy one ends after its task.
    const spare = [...this.#idle, ...this.#children].filter(
      ({ state }, place, all) => state !== 'retired' && all.indexOf(all[place] as Child) === place,
    )
    for (const child of spare.slice(0, Math.max(0, this.#live - this.#slots))) child.retire()
    this.#fill()
  }

  terminate(taskId: string, reason: Error, signal: NodeJS.Signals = 'SIGTERM'): boolean {
    const child = [...this.#children].find((one) => one.holds(taskId))
    child?.terminate(taskId, reason, signal)
    return child !== undefined
  }

  restart(): void {
    for (const child of [...this.#children]) child.retire()
  }

  async stop(how: 'warm' | 'cold'): Promise<void> {
    this.#isStopping = true
    clearTimeout(this.#sweep)
    for (const pause of this.#pauses) pause.cancel()
    const { clock, logger } = this.#options
    for (const child of this.#children) {
      if (how === 'cold' && child.state === 'busy') child.kill()
      else child.retire()
    }
    const impatient = clock.setTimer(() => {
      for (const child of this.#children) {
        logger.warn({ pid: child.pid }, `child ${child.index} does not exit and is killed`)
        child.kill()
      }
    }, STOP_MS)
    while (this.#children.size > 0) await this.#changed()
    impatient.cancel()
    this.#guard?.stop()
  }

  /** Children that accept jobs, now or once they have started or ended one. */
  get #live(): number {
    let count = 0
    for (const { state } of this.#children) if (state !== 'retired') count++
    return count
  }

  /** How many short tasks fit into the time for which one may wait. */
  get #depth(): number {
    return this.#meanMs >= BUSY_MS ? 0 : Math.max(1, Math.min(MOST, Math.floor(BUSY_MS / this.#meanMs)))
  }

  /** An idle one, else the one with the fewest orders behind a task that has only just started. */
  #childFor({ task }: Job): Child | undefined {
    const idle = this.#idle.pop()
    // A job acknowledged before its run could not be taken back.
    if (idle || task.options.acksLate === false) return idle
    let best: Child | undefined
    for (const child of this.#children)
      if (child.room(this.#depth, BUSY_MS) > 0 && (!best || child.size < best.size)) best = child
    return best
  }

  #give(child: Child, order: Order): void {
    child.take(order)
    if (child.size > 1) this.#watch()
  }

  /** Takes back the orders behind a task that takes long. */
  #watch(): void {
    this.#sweep ??= setTimeout(() => {
      this.#sweep = undefined
      let isWaiting = false
      for (const child of this.#children) {
        if (child.waitedMs >= BUSY_MS) child.takeBack()
        if (child.size > 1) isWaiting = true
      }
      if (isWaiting) this.#watch()
    }, BUSY_MS).unref()
  }

  /** Passes orders to an idle child if there is one, else to the worker, which gives them back to the queue. */
  #returned(orders: readonly Order[]): void {
    for (const order of orders) {
      const idle = this.#isStopping ? undefined : this.#idle.pop()
      if (idle) this.#give(idle, order)
      else order.resolve(undefined)
    }
  }

  #fill(): void {
    if (this.#isStopping) return
    while (this.#live + this.#pauses.size < this.#slots) {
      try {
        this.#spawn()
      } catch (error) {
        // No process, no file: a resource the machine lacks now may be available later.
        this.#unfit = error instanceof Error ? error : new Error(messageOf(error))
        this.#tryLater(this.#unfit)
      }
    }
  }

  #spawn(): void {
    const { source, hostname, clock, logger, maxTasksPerChild, maxMemoryPerChild } = this.#options
    const taken = new Set([...this.#children].map(({ index }) => index))
    let index = 1
    while (taken.has(index)) index++
    const child = new Child({
      setup: {
        source,
        hostname,
        index,
        logLevel: lowestLevel(logger),
        tellsMemory: maxMemoryPerChild !== undefined,
      },
      startChild: this.kind === 'prefork' ? startProcess : startThread,
      clock,
      logger,
      listener: () => this.#listener ?? UNHEARD,
      maxTasks: maxTasksPerChild,
      maxMemoryKib: maxMemoryPerChild,
      onIdle: (one) => this.#onIdle(one),
      onEnded: (runtimeMs) => {
        this.#meanMs += (runtimeMs - this.#meanMs) * WEIGHT
      },
      onReturned: (orders) => this.#returned(orders),
      onRetired: (one) => {
        remove(this.#idle, one)
        this.#fill()
      },
      onGone: (one) => this.#onGone(one),
    })
    this.#children.add(child)
    this.#guard?.watch(this.pids)
  }

  #onIdle(child: Child): void {
    this.#failures = 0
    const next = this.#waiting.shift()
    if (next) this.#give(child, next)
    else this.#idle.push(child)
    this.#tellChange()
  }

  #onGone(child: Child): void {
    this.#children.delete(child)
    remove(this.#idle, child)
    this.#guard?.watch(this.pids)
    if (child.unfit && !child.wasKilled) this.#unfit = child.unfit
    this.#tellChange()
    if (this.#isStopping) return
    this.#replaced++
    if (child.lostTask) this.#lost++
    if (child.unfit) this.#tryLater(child.unfit)
    else this.#fill()
  }

  /** Retries a child that cannot start, after pauses that grow while none can. */
  #tryLater(error: Error): void {
    const { logger, clock } = this.#options
    const pauseMs = Math.min(LONGEST_PAUSE_MS, SHORTEST_PAUSE_MS * 2 ** this.#failures++)
    logger.error({ err: error, pause_ms: pauseMs }, `a child could not start: ${messageOf(error)}`)
    const pause = clock.setTimer(() => {
      this.#pauses.delete(pause)
      this.#fill()
    }, pauseMs)
    this.#pauses.add(pause)
  }

  #changed(): Promise<void> {
    return new Promise((resolve) => {
      this.#onChange = resolve
    })
  }
  #tellChange(): void {
    this.#onChange?.()
  }
}

const UNHEARD: PoolListener = { onSlots() {}, updateState: async () => {}, sendEvent() {} }

function lowestLevel(logger: Logger): 'debug' | 'info' | 'warn' | 'error' {
  const levels = ['debug', 'info', 'warn'] as const
  return levels.find((level) => logger.isLevelEnabled?.(level) ?? true) ?? 'error'
}

function remove<T>(list: T[], item: T): void {
  const place = list.indexOf(item)
  if (place >= 0) list.splice(place, 1)
}
