import { createSocket, type Socket } from 'node:dgram'
import type { AppCore, WorkerStep } from '../app/core/index.js'
import { type Logger, messageOf, systemClock } from '../kernel/index.js'
import { withoutRepetition } from '../process/index.js'

/** The address of a Datadog agent. */
export interface DogstatsdOptions {
  /** Default 127.0.0.1. */
  readonly host?: string
  /** Default 8125. */
  readonly port?: number
  /** Tags on every line, such as `env:prod`. */
  readonly tags?: readonly string[]
}

/** Fits a packet on any network. */
const MOST_BYTES = 1400
/** How long lines are collected. */
const GATHERED_MS = 100

/** Sends DogStatsD lines over UDP, collected into packets. Lines that the agent does not receive are lost, as usual for DogStatsD. */
export class Dogstatsd {
  readonly #options: DogstatsdOptions
  readonly #warn: (error: unknown) => void
  #socket: Socket | undefined
  #lines: string[] = []
  #bytes = 0
  #timer: NodeJS.Timeout | undefined

  constructor(options: DogstatsdOptions, logger: Logger) {
    this.#options = options
    this.#warn = withoutRepetition(
      (error) => logger.warn({ err: error }, 'cannot send to the DogStatsD agent'),
      systemClock,
    )
  }

  /** A value of a distribution. */
  distribution(name: string, value: number, tags: readonly string[]): void {
    this.#line(`${name}:${value}|d`, tags)
  }
  /** One more. */
  increment(name: string, tags: readonly string[]): void {
    this.#line(`${name}:1|c`, tags)
  }

  /** Sends the collected lines, and closes. */
  async close(): Promise<void> {
    await this.#flush()
    const socket = this.#socket
    this.#socket = undefined
    if (socket) await new Promise<void>((resolve) => socket.close(resolve))
  }

  #line(text: string, tags: readonly string[]): void {
    const all = [...tags, ...(this.#options.tags ?? [])].map(tagText)
    const line = all.length > 0 ? `${text}|#${all.join(',')}` : text
    const bytes = Buffer.byteLength(line) + 1
    if (this.#bytes + bytes > MOST_BYTES) void this.#flush()
    this.#lines.push(line)
    this.#bytes += bytes
    this.#timer ??= setTimeout(() => void this.#flush(), GATHERED_MS).unref()
  }

  #flush(): Promise<void> {
    clearTimeout(this.#timer)
    this.#timer = undefined
    if (this.#lines.length === 0) return Promise.resolve()
    const packet = this.#lines.join('\n')
    this.#lines = []
    this.#bytes = 0
    const { host = '127.0.0.1', port = 8125 } = this.#options
    return new Promise((resolve) => {
      const socket = this.#opened()
      const done = (error?: Error | null): void => {
        socket.off('error', done)
        if (error) this.#broken(socket, error)
        resolve()
      }
      // A socket that cannot be bound never calls back.
      socket.on('error', done)
      try {
        socket.send(packet, port, host, done)
      } catch (error) {
        // It was closed.
        done(error instanceof Error ? error : new Error(messageOf(error)))
      }
    })
  }

  #opened(): Socket {
    if (this.#socket) return this.#socket
    const socket = createSocket({ type: this.#options.host?.includes(':') ? 'udp6' : 'udp4' })
    socket.on('error', (error) => this.#broken(socket, error))
    socket.unref()
    this.#socket = socket
    return socket
  }

  /** The next lines have a new socket. */
  #broken(socket: Socket, error: Error): void {
    this.#warn(error)
    if (this.#socket !== socket) return
    this.#socket = undefined
    try {
      socket.close()
    } catch {
      // It is closed already.
    }
  }
}

/** A task's tags: `task_name`, as dashboards ask for it (`send_email`), and `task`, its whole name (`shop.tasks.send_email`). */
export const taskTags = (name: string): readonly [string, string] => [
  `task_name:${name.slice(name.lastIndexOf('.') + 1)}`,
  `task:${name}`,
]

/** A tag without the characters that separate lines and tags. */
const tagText = (tag: string): string => tag.replace(/[|,#\s]/g, '_')

/**
 * Reports each run of a worker to a Datadog agent: the distribution `celery.task.runtime` in seconds and the count `celery.task.runs`,
 * tagged `task_name` (the last part of its name), `task` (its whole name), `state` and `queue_name`.
 */
export function dogstatsd(app: AppCore, options: DogstatsdOptions = {}): WorkerStep {
  let sender: Dogstatsd | undefined
  let unsubscribe = (): void => {}
  return {
    name: 'dogstatsd',
    start() {
      const opened = new Dogstatsd(options, app.logger)
      sender = opened
      unsubscribe = app.signals.on('taskPostrun', ({ context, state, runtimeMs }) => {
        const queue = context.deliveryInfo.queue ?? context.deliveryInfo.routingKey
        const tags = [...taskTags(context.name), `state:${state.toLowerCase()}`, `queue_name:${queue}`]
        opened.distribution('celery.task.runtime', runtimeMs / 1000, tags)
        opened.increment('celery.task.runs', tags)
      })
    },
    async stop() {
      unsubscribe()
      await sender?.close()
    },
  }
}
