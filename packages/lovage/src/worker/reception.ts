import type { Lovage, RunEnvironment } from '../app/index.js'
import type { Delivery, Settlement } from '../broker/index.js'
import { crashPoint } from '../kernel/index.js'
import type { Claim, Claims } from './claims.js'
import type { FollowUps } from './follow-ups.js'
import { type Intake, takeIn } from './intake.js'
import type { WorkerLimits } from './limits/open-limits.js'
import type { Refusals } from './refusals.js'
import type { Settler } from './settler.js'
import type { TaskLog } from './task-log.js'
import { tellIntake } from './tell-intake.js'

/** What reception works with. */
export interface ReceptionPorts {
  readonly app: Lovage
  readonly accept: ReadonlySet<string>
  readonly refusals: Refusals
  readonly followUps: FollowUps
  readonly environment: RunEnvironment
  readonly claims: Claims
  readonly limits: WorkerLimits
  readonly settler: Settler
  readonly log: TaskLog
  /** Tasks stand in line, or left it: slots may be filled and more may be claimed. */
  readonly onChange: () => void
}

/** Takes deliveries in: into the line of tasks to run, or aside with the plan that says why not. */
export class Reception {
  readonly #ports: ReceptionPorts

  constructor(ports: ReceptionPorts) {
    this.#ports = ports
  }

  /** Takes over what was claimed. */
  take(deliveries: readonly Delivery[]): void {
    crashPoint('claim:after')
    const { app, settler, limits, onChange } = this.#ports
    const isRevoked = (headers: Parameters<typeof limits.revokes.of>[0]): boolean =>
      limits.revokes.of(headers) !== undefined
    const limited: Claim[] = []
    for (const delivery of deliveries) {
      try {
        const claim = this.#accepted(delivery, takeIn(delivery, { ...this.#ports, isRevoked }))
        if (claim) limited.push(claim)
      } catch (error) {
        // A fault of ours: the message stays claimed and comes back by its lease, counted, so that it cannot loop.
        app.logger.error(
          { err: error, tag: delivery.tag },
          'could not take a message in; it returns to its queue',
        )
        app.signals.emit('taskInternalError', { headers: undefined, error })
        const settlement = { tag: delivery.tag, kind: 'requeue', counts: true } as const
        settler.add({ publish: [], results: [], settlement, state: null })
      }
    }
    if (limited.length > 0) void this.#admitLimited(limited)
    onChange()
  }

  /** Takes a delivery's task into the line, or carries out why not; one that has limits is returned, to be asked about. */
  #accepted(delivery: Delivery, intake: Intake): Claim | undefined {
    const { app, claims, limits, settler } = this.#ports
    if (intake.kind === 'job') {
      const claim = claims.hold(delivery, intake.job, app.clock.now())
      if (limits.concerns(intake.job, delivery.queue)) return claim
      this.#queueUp(claim)
    } else {
      tellIntake(app, delivery, intake)
      settler.add(intake.plan)
    }
    return undefined
  }

  #queueUp(claim: Claim): void {
    const { app, claims, log } = this.#ports
    if (!claims.queueUp(claim)) return
    const { context } = claim.job
    log.received(context)
    if (app.signals.has('taskReceived'))
      app.signals.emit('taskReceived', { headers: context.wireHeaders, queue: claim.delivery.queue })
  }

  /** What may not run now steps aside. When the limits cannot be asked nothing runs, so that none is exceeded. */
  async #admitLimited(limited: readonly Claim[]): Promise<void> {
    const { app, claims, limits, settler, onChange } = this.#ports
    const nowMs = app.clock.now()
    const admittances = await limits
      .admit(limited.map(({ job, delivery }) => ({ job, queue: delivery.queue })))
      .catch((error: unknown) => {
        app.logger.error({ err: error }, 'cannot ask for limits; limited tasks wait')
        return limited.map(() => ({ kind: 'postpone', untilMs: nowMs + 1000 }) as const)
      })
    // Back to the head of a queue the last one goes first, so that their order stays.
    for (const [place, claim] of [...limited.entries()].reverse()) {
      const verdict = admittances[place] ?? { kind: 'requeue' }
      const { tag } = claim.delivery
      if (verdict.kind === 'run' || !claims.remove(tag)) continue
      const settlement: Settlement =
        verdict.kind === 'requeue' ? { tag, kind: 'requeue', counts: false } : { tag, ...verdict }
      settler.add({ publish: [], results: [], settlement, state: null })
    }
    for (const claim of limited) this.#queueUp(claim)
    onChange()
  }
}
