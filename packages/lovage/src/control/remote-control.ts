import { hostname as machine } from 'node:os'
import type { AppCore } from '../app/core/index.js'
import { namesakes } from '../app/fleet/index.js'
import { formatOf } from '../app/sending/index.js'
import type { Broker } from '../broker/index.js'
import {
  CONTROL_EXCHANGE,
  type ControlRequest,
  decodeControlRequest,
  encodeControlReply,
  isMeant,
} from '../envelope/index.js'
import { delay, type Unsubscribe } from '../kernel/index.js'
import { type IncomingMessage, reprValue } from '../message/index.js'
import type { BootStep, RunningWorker } from '../worker/index.js'
import type { Command, CommandPorts } from './command.js'
import { CONTROL_COMMANDS, hearRevoke } from './control-commands.js'
import { EventSender } from './event-sender.js'
import { INSPECT_COMMANDS } from './inspect-commands.js'

/** The options of remote control, concerning the worker's process. */
export interface RemoteControlOptions {
  /** Shuts this worker down, warm. */
  readonly shutdown: () => void
  /** Seconds between heartbeats; 0 = none, and no online or offline events either. Default 2. */
  readonly heartbeatSeconds?: number
  /** Whether it asks all workers for one of its own name. */
  readonly asksForNamesakes: boolean
}

const COMMANDS: ReadonlyMap<string, Command> = new Map([
  ...Object.entries(INSPECT_COMMANDS),
  ...Object.entries(CONTROL_COMMANDS),
])

/** Commands that monitors send when they start listening. */
const BY_LISTENERS: ReadonlySet<string> = new Set(['enable_events', 'heartbeat'])
/** This process, as its replies name it. */
const THIS = `${process.pid}@${machine()}`
/** Control messages handled at once; a flood of them must not exhaust a worker's memory. */
const MOST_AT_ONCE = 1000
/** A command that takes longer, because a server is away, no longer keeps the next one waiting. */
const LONGEST_TURN_MS = 5000

/** Serves Celery's inspect and control commands, and ours; sends Celery's events. */
export class RemoteControl implements BootStep {
  readonly name = 'remote control'
  readonly #app: AppCore
  readonly #options: RemoteControlOptions
  #ports: Omit<CommandPorts, 'ticket' | 'held'> | undefined
  #unsubscribe: Unsubscribe | undefined
  #atOnce = 0
  #refusedMs = 0
  /** Requests are answered in the order in which they came: one that asks sees what those before it did. */
  #turn: Promise<void> = Promise.resolve()
  readonly #stopping = new AbortController()

  constructor(app: AppCore, options: RemoteControlOptions) {
    this.#app = app
    this.#options = options
  }

  async start(worker: RunningWorker): Promise<void> {
    const app = this.#app
    const broker: Broker = await app.broker()
    if (!broker.capabilities.fanout) return
    const { shutdown, heartbeatSeconds, asksForNamesakes } = this.#options
    const events = new EventSender(app, worker, (message) => broker.broadcast(message), heartbeatSeconds)
    this.#ports = { app, broker, worker, events, startedMs: app.clock.now(), shutdown, added: new Map() }
    const ports = this.#ports
    if (app.conf.workerEnableRemoteControl)
      this.#unsubscribe = await broker.subscribe(
        CONTROL_EXCHANGE,
        (message) => this.#hear(message, ports),
        '',
      )
    await events.start()
    // A broker inside this process reaches no other.
    if (asksForNamesakes && this.#unsubscribe && broker.capabilities.shared)
      void this.#warnOfNamesakes(worker.hostname)
  }

  /** Says that another process has this node's name; the worker starts meanwhile. */
  async #warnOfNamesakes(hostname: string): Promise<void> {
    const { logger } = this.#app
    try {
      const [other] = await namesakes(this.#app, hostname, THIS, this.#stopping.signal)
      if (other === undefined || this.#stopping.signal.aborted) return
      logger.warn(
        { hostname, other },
        `Another process (${other}) has the node name ${hostname}: orders to one reach both, and monitors show one. Give each its own: -n w1@%h`,
      )
    } catch (error) {
      if (!this.#stopping.signal.aborted)
        logger.debug({ err: error }, 'could not ask for workers of the same name')
    }
  }

  async stop(): Promise<void> {
    this.#stopping.abort()
    this.#unsubscribe?.()
    await this.#ports?.events.stop()
  }

  /** Input is untrusted: an unreadable request is logged and does no harm. */
  #hear(message: IncomingMessage, ports: Omit<CommandPorts, 'ticket' | 'held'>): void {
    const { clock, conf, logger, logicalClock } = this.#app
    if (this.#atOnce >= MOST_AT_ONCE) return this.#refuse()
    const request = decodeControlRequest(message, formatOf(conf))
    if (request instanceof Error) return logger.warn({ code: request.code }, request.message)
    logicalClock.adjust(message.headers.clock)
    if (!isMeant(request, ports.worker.hostname)) return
    if (BY_LISTENERS.has(request.method)) ports.events.attend()
    // Now, not in its turn: a task sent in the next moment must not overtake its revocation.
    const own = { ...ports, ticket: request.ticket, held: hearRevoke(request, ports) }
    this.#atOnce++
    this.#turn = this.#turn.then(async () => {
      const answered = this.#answer(request, own)
      const patience = new AbortController()
      await Promise.race([answered, delay(clock, LONGEST_TURN_MS, patience.signal).catch(() => {})])
      patience.abort()
    })
  }

  async #answer(request: ControlRequest, ports: CommandPorts): Promise<void> {
    const { conf, logger, logicalClock } = this.#app
    const { broker, worker } = ports
    try {
      const answer = await this.#carryOut(request, ports)
      const format = formatOf(conf)
      const reply = encodeControlReply(request, worker.hostname, answer, logicalClock.tick(), format, THIS)
      if (reply) await broker.reply(reply)
    } catch (error) {
      logger.error({ err: error }, 'could not answer a control message')
    } finally {
      this.#atOnce--
    }
  }

  /** Too many requests: the client gets no reply, and the worker continues. Logged once a second. */
  #refuse(): void {
    const nowMs = this.#app.clock.now()
    if (nowMs < this.#refusedMs + 1000) return
    this.#refusedMs = nowMs
    this.#app.logger.warn(
      { at_once: MOST_AT_ONCE },
      'Refusing control messages: too many are being answered already',
    )
  }

  async #carryOut({ method, arguments: args }: ControlRequest, ports: CommandPorts): Promise<unknown> {
    const own = this.#app.commands.get(method)
    const command = own ? () => own(args, ports.worker) : COMMANDS.get(method)
    try {
      if (!command) return { error: `KeyError(${reprValue(method)})` }
      return (await command(args, ports)) ?? null
    } catch (error) {
      this.#app.logger.warn({ err: error, method }, 'a control command failed')
      return { error: errorRepr(error) }
    }
  }
}

/** As Python shows an exception. */
function errorRepr(error: unknown): string {
  const [name, message] = error instanceof Error ? [error.name, error.message] : ['Error', String(error)]
  return `${PYTHON_NAMES[name] ?? name}(${reprValue(message)})`
}

const PYTHON_NAMES: Readonly<Record<string, string>> = { RangeError: 'ValueError', SyntaxError: 'ValueError' }
