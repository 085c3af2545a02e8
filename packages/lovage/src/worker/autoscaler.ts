import type { Broker } from '../broker/index.js'
import { type Clock, ConfigurationError, type Logger, messageOf, type Timer } from '../kernel/index.js'
import type { BootStep, RunningWorker } from './boot-step.js'

/** How far a pool may grow and shrink. */
export interface AutoscaleBounds {
  readonly max: number
  readonly min: number
  /** Milliseconds for which slots must have been idle before the pool shrinks. Default 30 s, or AUTOSCALE_KEEPALIVE seconds. */
  readonly keepaliveMs?: number
  /** Milliseconds between two checks. Default 1 s. */
  readonly everyMs?: number
}

const KEEPALIVE_MS = 30_000
const EVERY_MS = 1000

/**
 * Grows the pool at once by as many slots as tasks are waiting, and shrinks it to the size needed once that has been lower for a
 * while. It asks the broker for the backlog only when every slot is busy.
 */
export class Autoscaler implements BootStep {
  readonly name = 'autoscaler'
  readonly #ports: { readonly broker: Broker; readonly clock: Clock; readonly logger: Logger }
  readonly #keepaliveMs: number
  readonly #everyMs: number
  #bounds: { readonly max: number; readonly min: number }
  #timer: Timer | undefined
  #neededMs = 0
  #isStopped = false

  /** @throws {ConfigurationError} LVG_CONFIG_INVALID for bounds that allow no size. */
  constructor(
    bounds: AutoscaleBounds,
    ports: { readonly broker: Broker; readonly clock: Clock; readonly logger: Logger },
  ) {
    this.#ports = ports
    this.#bounds = checked(bounds)
    const keepaliveS = Number(process.env.AUTOSCALE_KEEPALIVE)
    this.#keepaliveMs = bounds.keepaliveMs ?? (keepaliveS > 0 ? keepaliveS * 1000 : KEEPALIVE_MS)
    this.#everyMs = bounds.everyMs ?? EVERY_MS
  }

  /** The bounds in force; they can be changed at run time. */
  get bounds(): { readonly max: number; readonly min: number } {
    return this.#bounds
  }
  set bounds(bounds: { readonly max: number; readonly min: number }) {
    this.#bounds = checked(bounds)
  }

  async start(worker: RunningWorker): Promise<void> {
    this.#neededMs = this.#ports.clock.now()
    await worker.resize(clamp(worker.pool.slots, this.#bounds))
    this.#schedule(worker)
  }

  stop(): void {
    this.#isStopped = true
    this.#timer?.cancel()
  }

  #schedule(worker: RunningWorker): void {
    if (this.#isStopped) return
    this.#timer = this.#ports.clock.setTimer(() => {
      this.#look(worker)
        .catch((error: unknown) =>
          this.#ports.logger.warn({ err: error }, `the pool keeps its size: ${messageOf(error)}`),
        )
        .finally(() => this.#schedule(worker))
    }, this.#everyMs)
  }

  async #look(worker: RunningWorker): Promise<void> {
    const { clock, logger } = this.#ports
    const { slots } = worker.pool
    const wanted = clamp(await this.#needed(worker), this.#bounds)
    const nowMs = clock.now()
    if (wanted >= slots) this.#neededMs = nowMs
    const isIdle = wanted < slots && (nowMs - this.#neededMs >= this.#keepaliveMs || slots > this.#bounds.max)
    if (wanted <= slots && !isIdle) return
    logger.info(
      { from: slots, to: wanted },
      `the pool ${wanted > slots ? 'grows' : 'shrinks'} from ${slots} to ${wanted}`,
    )
    this.#neededMs = nowMs
    await worker.resize(wanted)
  }

  async #needed({ active, reserved, pool, queues, limits }: RunningWorker): Promise<number> {
    const held = active.length + reserved.length
    if (active.length < pool.slots) return held
    let waiting = 0
    for (const { ready } of (await this.#ports.broker.depths(limits.queues.open(queues))).values())
      waiting += ready
    return held + waiting
  }
}

const clamp = (slots: number, { max, min }: { readonly max: number; readonly min: number }): number =>
  Math.min(max, Math.max(min, slots))

function checked({ max, min }: { readonly max: number; readonly min: number }) {
  if (Number.isInteger(max) && Number.isInteger(min) && min >= 1 && max >= min) return { max, min }
  throw new ConfigurationError(`A pool cannot scale between ${min} and ${max}.`, {
    code: 'LVG_CONFIG_INVALID',
    hint: 'Give the maximum number of slots, then the minimum, which is at least 1: --autoscale=10,3',
  })
}
