import { arch, loadavg, platform } from 'node:os'
import type { AppSignals, Lovage, SignalName, TaskContext } from '../app/index.js'
import { EventDispatcher } from '../events/index.js'
import { packageVersion, type Timer, type Unsubscribe } from '../kernel/index.js'
import { reprValue, toExceptionInfo, tracebackOf } from '../message/index.js'
import type { RunningWorker } from '../worker/index.js'

/** Seconds between heartbeats; a monitor counts a worker as gone after two of them. */
const HEARTBEAT_S = 2
const SYSTEM = platform() === 'linux' ? 'Linux' : platform()

/** Tells Celery's events: what a worker's tasks do, when somebody wants to know, and that it is alive, always. */
export class EventSender {
  readonly #app: Lovage
  readonly #worker: RunningWorker
  readonly #dispatcher: EventDispatcher
  #listening: Unsubscribe[] = []
  #heartbeat: Timer | undefined

  constructor(
    app: Lovage,
    worker: RunningWorker,
    broadcast: ConstructorParameters<typeof EventDispatcher>[0]['broadcast'],
  ) {
    const { clock, logicalClock, logger } = app
    this.#app = app
    this.#worker = worker
    this.#dispatcher = new EventDispatcher(
      { hostname: worker.hostname, clock, logicalClock, logger, broadcast },
      false,
    )
  }

  /** Events that nobody could take. */
  get dropped(): number {
    return this.#dispatcher.dropped
  }

  async start(): Promise<void> {
    if (this.#app.conf.workerSendTaskEvents) this.switch(true)
    await this.#tell('worker-online', HEARTBEAT_S)
    this.#arm()
  }

  async stop(): Promise<void> {
    this.#heartbeat?.cancel()
    this.switch(false)
    await this.#dispatcher.flush()
    await this.#tell('worker-offline', HEARTBEAT_S)
  }

  /** Begins or ends to tell what tasks do; false when that is how it was. */
  switch(isOn: boolean): boolean {
    if (isOn === this.#dispatcher.sendsTaskEvents) return false
    this.#dispatcher.sendsTaskEvents = isOn
    for (const end of this.#listening) end()
    // Nobody listens, nothing is made: events that are off cost nothing.
    this.#listening = isOn ? this.#listen() : []
    return true
  }

  /** Says that the worker lives. */
  beat(freq = HEARTBEAT_S): Promise<void> {
    return this.#tell('worker-heartbeat', freq)
  }

  #arm(): void {
    this.#heartbeat = this.#app.clock.setTimer(() => {
      void this.beat()
      this.#app.signals.emit('heartbeatSent', { hostname: this.#worker.hostname })
      this.#arm()
    }, HEARTBEAT_S * 1000)
  }

  #tell(type: string, freq: number): Promise<void> {
    const { active, processed } = this.#worker
    return this.#dispatcher.worker(type, {
      freq,
      active: active.length,
      processed,
      loadavg: loadavg().map((load) => Math.round(load * 100) / 100),
      sw_ident: 'lovage',
      sw_ver: packageVersion(),
      sw_sys: SYSTEM,
      arch: arch(),
    })
  }

  #listen(): Unsubscribe[] {
    const { signals } = this.#app
    const on = <Name extends SignalName>(
      name: Name,
      type: string,
      fieldsOf: (payload: AppSignals[Name]) => Readonly<Record<string, unknown>> | undefined,
    ): Unsubscribe =>
      signals.on(name, (payload) => {
        const fields = fieldsOf(payload)
        if (fields) this.#dispatcher.task(type, fields)
      })
    return [
      on('taskReceived', 'task-received', ({ headers }) => ({
        uuid: headers.id,
        name: headers.shadow ?? headers.task,
        args: headers.argsrepr,
        kwargs: headers.kwargsrepr,
        root_id: headers.root_id,
        parent_id: headers.parent_id,
        retries: headers.retries,
        eta: headers.eta,
        expires: headers.expires,
      })),
      on('taskPrerun', 'task-started', ({ context }) => ({ uuid: context.id })),
      on('taskSuccess', 'task-succeeded', ({ context, result, runtimeMs }) => ({
        uuid: context.id,
        result: reprValue(result, context.task.options.resultReprMaxSize ?? 1024),
        runtime: runtimeMs / 1000,
      })),
      on('taskFailure', 'task-failed', ({ context, error, traceback }) => ({
        uuid: context.id,
        exception: exceptionRepr(error),
        traceback,
      })),
      on('taskRetry', 'task-retried', ({ context, reason }) => ({
        uuid: context.id,
        exception: reason === undefined ? 'None' : exceptionRepr(reason),
        traceback: reason === undefined ? null : tracebackOf(reason),
      })),
      on('taskRevoked', 'task-revoked', ({ headers, terminated, signum, expired }) => ({
        uuid: headers.id,
        terminated,
        signum,
        expired,
      })),
      on('taskRejected', 'task-rejected', ({ headers, requeue }) => headers && { uuid: headers.id, requeue }),
      on('taskUnknown', 'task-failed', ({ id, name }) => ({
        uuid: id,
        exception: `NotRegistered('${name}')`,
      })),
    ]
  }

  /** An event of a task's own. */
  custom(context: TaskContext, type: string, fields: Readonly<Record<string, unknown>>): void {
    this.#dispatcher.task(type, { ...fields, uuid: context.id })
  }
}

function exceptionRepr(error: unknown): string {
  const { exc_type: type, exc_message: message } = toExceptionInfo(error)
  return `${type}(${[message]
    .flat()
    .map((part) => reprValue(part))
    .join(', ')})`
}
