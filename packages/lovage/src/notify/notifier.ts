import type { AppCore, StepWorker } from '../app/core/index.js'
import { isSignal } from '../app/tasks/index.js'
import type { CoordinationStore } from '../coordination/index.js'
import { keepsNoAgreements, openCoordinationStore } from '../drivers/index.js'
import { getQueueHealth } from '../health/index.js'
import { newId, type Timer, type Unsubscribe } from '../kernel/index.js'
import { toExceptionInfo, tracebackOf } from '../message/index.js'
import type { Notice, NoticeKind } from './notice.js'
import type { NotifierOptions } from './notifier-options.js'
import { NoticeSender } from './sender.js'

const SPACE = 'notices'
/** How long a sent notice is remembered, so that the fleet's other workers do not repeat it. */
const TOLD_MS = 3_600_000

/** Starts a worker's notifier; resolves to a function that stops it. */
export async function startNotifier(
  app: AppCore,
  options: NotifierOptions,
  worker: StepWorker,
): Promise<() => Promise<void>> {
  const notifier = new Notifier(app, options, worker, await storeOf(app))
  notifier.start()
  return () => notifier.stop()
}

class Notifier {
  readonly #app: AppCore
  readonly #options: NotifierOptions
  readonly #worker: StepWorker
  readonly #coordination: CoordinationStore
  readonly #senders: readonly NoticeSender[]
  readonly #holder = newId()
  #unsubscribes: readonly Unsubscribe[] = []
  #timer: Timer | undefined
  #looking: Promise<void> | undefined
  #isStopped = false

  constructor(app: AppCore, options: NotifierOptions, worker: StepWorker, coordination: CoordinationStore) {
    this.#app = app
    this.#options = options
    this.#worker = worker
    this.#coordination = coordination
    const { notices = 10, seconds = 600 } = options.limit ?? {}
    const { clock, logger, main } = app
    this.#senders = options.to.map(
      (channel) =>
        new NoticeSender({ app: main, channel, limit: { notices, seconds }, coordination, clock, logger }),
    )
  }

  start(): void {
    const { signals } = this.#app
    this.#unsubscribes = [
      signals.on('taskFailure', ({ context, error }) => {
        // A rejected message is reported as such.
        if (!isSignal(error))
          this.#tell('failed', 'warning', `${context.name} failed: ${oneLine(error)}`, tracebackOf(error))
      }),
      signals.on('taskRejected', ({ headers, requeue, reason }) => {
        if (!requeue)
          this.#tell('rejected', 'warning', `${headers?.task ?? 'a message'} was rejected`, reason)
      }),
      signals.on('taskUnknown', ({ name }) =>
        this.#tell(
          'rejected',
          'warning',
          `no task ${name} is registered`,
          'Its message is kept as a dead letter.',
        ),
      ),
      signals.on('circuitBreakerChanged', ({ key, state }) =>
        this.#once(`breaker:${key}`, state, () =>
          this.#tell(
            'breaker',
            state === 'open' ? 'critical' : 'info',
            `the circuit breaker ${key} is ${state}`,
            '',
          ),
        ),
      ),
    ]
    if (this.#isAbout('health')) this.#lookLater(0)
  }

  async stop(): Promise<void> {
    this.#isStopped = true
    this.#timer?.cancel()
    for (const unsubscribe of this.#unsubscribes) unsubscribe()
    await this.#looking
    await Promise.all(this.#senders.map((sender) => sender.close()))
  }

  #isAbout(kind: NoticeKind): boolean {
    return this.#options.about?.includes(kind) ?? true
  }

  #tell(kind: NoticeKind, severity: Notice['severity'], title: string, detail: string): void {
    if (!this.#isAbout(kind)) return
    const at = new Date(this.#app.clock.now()).toISOString()
    const notice: Notice = { kind, severity, title, detail, worker: this.#worker.hostname, at }
    if (this.#options.filter && !this.#options.filter(notice)) return
    for (const sender of this.#senders) sender.tell(notice)
  }

  /** The first worker to record a change reports it; values identify their writer. */
  async #once(key: string, state: string, tell: () => void): Promise<void> {
    const mark = { key, value: `${state} ${newId()}`, expiresMs: this.#app.clock.now() + TOLD_MS }
    try {
      const [standing] = await this.#coordination.list(SPACE, [key])
      if (standing?.value.split(' ')[0] === state) return
      const isFirst = standing
        ? (await this.#coordination.replace(SPACE, [{ was: standing.value, mark }]))[0]
        : (await this.#coordination.put(SPACE, [mark], { ifAbsent: true }))[0]?.value === mark.value
      if (isFirst) tell()
    } catch (error) {
      this.#app.logger.warn({ err: error }, 'cannot check whether a notice was sent')
      tell()
    }
  }

  #lookLater(ms: number): void {
    if (this.#isStopped) return
    const everyMs = (this.#options.healthEvery ?? 60) * 1000
    this.#timer = this.#app.clock.setTimer(() => {
      this.#looking = this.#look(everyMs)
        .catch((error: unknown) =>
          this.#app.logger.warn({ err: error }, 'cannot check the state of the queues'),
        )
        .finally(() => this.#lookLater(everyMs))
    }, ms)
  }

  async #look(everyMs: number): Promise<void> {
    const { queues } = this.#worker
    const about = [...queues].sort().join(',')
    const lease = await this.#coordination.acquire(`notices:${about}`, this.#holder, 2.5 * everyMs)
    if (!lease) return
    const { status, reasons } = await getQueueHealth(this.#app, { ...this.#options.health, queues })
    const key = `health:${about}`
    const [before] = await this.#coordination.list(SPACE, [key])
    if ((before?.value ?? 'healthy') === status) return
    await this.#coordination.put(SPACE, [{ key, value: status }])
    const severity = status === 'healthy' ? 'info' : status === 'degraded' ? 'warning' : 'critical'
    this.#tell('health', severity, `the queues ${about} are ${status}`, reasons.join('\n'))
  }
}

function oneLine(error: unknown): string {
  const { exc_type: type, exc_message: message } = toExceptionInfo(error)
  return `${type}: ${[message].flat().join(', ')}`.replace(/\s+/g, ' ').slice(0, 200)
}

/** Without a coordination store in the broker, each worker acts alone. */
async function storeOf(app: AppCore): Promise<CoordinationStore> {
  try {
    return await app.coordination()
  } catch (error) {
    if (!keepsNoAgreements(error)) throw error
    const { conf: settings, clock, logger } = app
    return openCoordinationStore(`memory://notifier-${newId()}`, { settings, clock, logger })
  }
}
