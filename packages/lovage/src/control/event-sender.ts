import { arch, loadavg, platform } from 'node:os'
import type { AppCore, AppSignals, SignalName } from '../app/core/index.js'
import { shownResult } from '../app/tasks/index.js'
import { EventDispatcher, type EventFields, groupField } from '../events/index.js'
import { MASK, type Timer, type Unsubscribe } from '../kernel/index.js'
import { reprValue, toExceptionInfo, tracebackOf } from '../message/index.js'
import { packageVersion } from '../process/index.js'
import type { RunningWorker } from '../worker/index.js'

/** Seconds between heartbeats; a monitor considers a worker gone after two missed ones. */
const HEARTBEAT_S = 2
const SYSTEM = platform() === 'linux' ? 'Linux' : platform()

/** Sends Celery's events: a worker's task events, when they are enabled, and its heartbeats, always. */
export class EventSender {
  readonly #app: AppCore
  readonly #worker: RunningWorker
  readonly #dispatcher: EventDispatcher
  readonly #heartbeatS: number
  #listening: Unsubscribe[] = []
  #heartbeat: Timer | undefined
  #own: Unsubscribe | undefined

  constructor(
    app: AppCore,
    worker: RunningWorker,
    broadcast: ConstructorParameters<typeof EventDispatcher>[0]['broadcast'],
    heartbeatS: number = HEARTBEAT_S,
  ) {
    this.#heartbeatS = heartbeatS
    const { clock, logicalClock, logger } = app
    this.#app = app
    this.#worker = worker
    this.#dispatcher = new EventDispatcher(
      { hostname: worker.hostname, clock, logicalClock, logger, broadcast },
      false,
    )
  }

  /** Events that the broker could not accept. */
  get dropped(): number {
    return this.#dispatcher.dropped
  }

  async start(): Promise<void> {
    // Events that tasks send themselves are sent even while task events are off.
    this.#own = this.#app.signals.on('taskEvent', ({ context, type, fields }) =>
      this.#dispatcher.own(type, { ...fields, uuid: context.id }),
    )
    if (this.#app.conf.workerSendTaskEvents) this.switch(true)
    if (this.#heartbeatS === 0) return
    await this.#showSign('worker-online')
    this.#arm()
  }

  async stop(): Promise<void> {
    this.#heartbeat?.cancel()
    this.switch(false)
    this.#own?.()
    await this.#dispatcher.flush()
    if (this.#heartbeatS > 0) await this.#showSign('worker-offline')
  }

  /** Switches task events on or off; returns false when nothing changed. */
  switch(isOn: boolean): boolean {
    if (isOn === this.#dispatcher.sendsTaskEvents) return false
    this.#dispatcher.sendsTaskEvents = isOn
    for (const end of this.#listening) end()
    // Without subscribers nothing is built: events that are off cost nothing.
    this.#listening = isOn ? this.#listen() : []
    return true
  }

  /** Notes that a client sent this worker a request and may listen to its events. */
  attend(): void {
    this.#dispatcher.attend()
  }

  /** Sends a heartbeat. */
  beat(freq = this.#heartbeatS): Promise<void> {
    return this.#tell('worker-heartbeat', freq)
  }

  #arm(): void {
    this.#heartbeat = this.#app.clock.setTimer(() => {
      void this.#showSign('worker-heartbeat')
      this.#arm()
    }, this.#heartbeatS * 1000)
  }

  /** Sends a sign of life on the worker's own initiative. */
  #showSign(type: string): Promise<void> {
    this.#app.signals.emit('heartbeatSent', { hostname: this.#worker.hostname })
    return this.#tell(type, this.#heartbeatS)
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
        if (!this.#dispatcher.hearsTasks) return
        const fields = fieldsOf(payload)
        if (fields) this.#dispatcher.task(type, fields)
      })
    return [
      on('taskReceived', 'task-received', ({ headers }) => ({
        uuid: headers.id,
        name: headers.shadow ?? headers.task,
        // Its sender may not know which arguments the task here redacts.
        ...(this.#app.tasks.get(headers.task)?.options.redact
          ? { args: MASK, kwargs: MASK }
          : { args: headers.argsrepr, kwargs: headers.kwargsrepr }),
        root_id: headers.root_id,
        parent_id: headers.parent_id,
        ...groupField(headers.group),
        retries: headers.retries,
        eta: headers.eta,
        expires: headers.expires,
      })),
      on('taskPrerun', 'task-started', ({ context }) => ({ uuid: context.id })),
      on('taskSuccess', 'task-succeeded', ({ context, result, runtimeMs }) => ({
        uuid: context.id,
        result: shownResult(context, result),
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
      on('taskProgress', 'task-progress', ({ context, meta }) => ({
        ...progressFields(meta),
        uuid: context.id,
      })),
      on('taskUnknown', 'task-failed', ({ id, name }) => ({
        uuid: id,
        exception: `NotRegistered('${name}')`,
      })),
    ]
  }
}

/** The fields of a task's progress, with the well-known numbers separate. */
function progressFields(meta: unknown): EventFields {
  if (typeof meta !== 'object' || meta === null) return { meta }
  const { current, total, percent } = meta as Readonly<Record<string, unknown>>
  return {
    ...(typeof current === 'number' ? { current } : {}),
    ...(typeof total === 'number' ? { total } : {}),
    ...(typeof percent === 'number' ? { percent } : {}),
    meta,
  }
}

function exceptionRepr(error: unknown): string {
  const { exc_type: type, exc_message: message } = toExceptionInfo(error)
  return `${type}(${[message]
    .flat()
    .map((part) => reprValue(part))
    .join(', ')})`
}
