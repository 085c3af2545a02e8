import {
  ConfigurationError,
  ConnectionError,
  counted,
  type DriverOptions,
  redactUrl,
  type Unsubscribe,
} from '../../../kernel/index.js'
import { decompress, type ReadOptions } from '../../../message/index.js'
import type { ResultBackend, ResultRecord, TaskResult } from '../../../result/index.js'
import {
  decodeMeta,
  encodeMeta,
  ResultWatchers,
  readOptionsOf,
  unreadableResult,
} from '../../shared/index.js'
import {
  AmqpConnection,
  type AmqpDelivery,
  amqpOptionsOf,
  type PublishingChannel,
  parseAmqpUrls,
} from '../client/index.js'
import { Replies } from './replies.js'
import { ReplyQueue } from './reply-queue.js'

const DAY_S = 86_400
const AMQP = /^(py)?amqps?:/

/** Opens results that are sent to the caller over the broker. Throws a ConfigurationError when the broker is not RabbitMQ. */
export async function openRpcResultBackend(_url: string, options: DriverOptions): Promise<ResultBackend> {
  const { settings } = options
  const url = settings.brokerUrl
  if (typeof url !== 'string' || !AMQP.test(url))
    throw new ConfigurationError(
      `rpc:// results do not work with the broker ${typeof url === 'string' ? redactUrl(url) : 'that no setting names'}.`,
      {
        code: 'LVG_CONFIG_INVALID',
        hint: 'Use it with an amqp:// broker; otherwise leave resultBackend unset, and results are stored beside the messages.',
      },
    )
  return new RpcResultBackend(url, options)
}

/**
 * Celery's rpc backend: each state of a task is a message to the queue that the task's `reply_to` names, and only the process that sent
 * the task can read it. Nothing is stored: a result without a waiting caller is gone.
 */
class RpcResultBackend implements ResultBackend {
  readonly kind = 'rpc'
  readonly location: string
  readonly expiresItself = true
  readonly #connection: AmqpConnection
  readonly #queue: ReplyQueue
  readonly #replies: Replies
  readonly #watchers: ResultWatchers
  readonly #read: ReadOptions
  readonly #maxBytes: number
  readonly #deliveryMode: 1 | 2
  #channel: Promise<PublishingChannel> | undefined
  #isClosed = false

  constructor(url: string, { settings, clock, logger, replyTo }: DriverOptions) {
    this.#connection = new AmqpConnection(
      parseAmqpUrls(url, amqpOptionsOf(settings)),
      'lovage:results',
      logger,
    )
    this.location = `rpc over ${this.#connection.location}`
    this.#read = readOptionsOf(settings)
    this.#maxBytes = Number(settings.messageMaxBytes ?? Number.POSITIVE_INFINITY)
    this.#deliveryMode = settings.resultPersistent === true ? 2 : 1
    this.#watchers = new ResultWatchers(async (ids) => this.#known(ids), logger)
    this.#replies = new Replies(logger, (id) => this.#watchers.isWatched(id))
    this.#queue = new ReplyQueue({
      connection: this.#connection,
      name: replyTo ?? '',
      expiresMs: (Number(settings.resultExpires) || DAY_S) * 1000,
      clock,
      onReply: (reply) => this.#heard(reply),
      onError: (error) => {
        if (!this.#isClosed) logger.warn({ err: error }, 'cannot receive results; retrying')
      },
    })
  }

  async expectReplies(): Promise<void> {
    await this.#queue.declare()
  }

  async store(records: readonly ResultRecord[]): Promise<void> {
    const wanted = records.filter(({ replyTo }) => replyTo !== undefined && replyTo !== '')
    if (wanted.length === 0) return
    const channel = await this.#publishing()
    const untaken = await channel.publish(
      // A deleted queue takes nothing, and its owner waits for nothing.
      wanted.map((record) => ({
        exchange: '',
        routingKey: record.replyTo ?? '',
        body: encodeMeta(record),
        properties: {
          contentType: 'application/json',
          contentEncoding: 'utf-8',
          correlationId: record.correlationId ?? record.id,
          deliveryMode: this.#deliveryMode,
        },
      })),
    )
    const [first] = untaken
    // The caller of `store` retries; a reply that arrives twice says the same.
    if (first)
      throw (
        first.error ??
        new ConnectionError(
          `RabbitMQ did not accept ${counted(untaken.length, 'result')} (${this.location})`,
          {
            code: 'LVG_RABBITMQ_REFUSED',
          },
        )
      )
  }

  async get(ids: readonly string[]): Promise<readonly TaskResult[]> {
    await this.#queue.listen()
    return this.#known(ids)
  }

  watch(ids: readonly string[], on: (result: TaskResult) => void): Unsubscribe {
    this.#queue.hear()
    return this.#watchers.add(ids, on)
  }

  async forget(ids: readonly string[]): Promise<void> {
    for (const id of ids) this.#replies.delete(id)
  }

  async prune(): Promise<number> {
    return 0
  }

  async close(): Promise<void> {
    this.#isClosed = true
    await this.#queue.close()
    await this.#connection.close()
  }

  #known(ids: readonly string[]): readonly TaskResult[] {
    return ids.flatMap((id) => this.#replies.get(id) ?? [])
  }

  #heard({ properties, headers, body }: AmqpDelivery): void {
    const { correlationId: id, contentType } = properties
    // Not a result: its sender knew the name of this queue, and nothing else.
    if (id === undefined) return
    this.#replies.add(this.#decoded(id, contentType, headers.compression, body))
    this.#watchers.look([id])
  }

  #decoded(id: string, contentType: string | undefined, compression: unknown, body: Buffer): TaskResult {
    try {
      if (contentType !== 'application/json')
        return unreadableResult(
          id,
          `its content type is ${contentType ?? 'missing'}: set result_serializer = 'json'`,
        )
      const text = typeof compression === 'string' ? decompress(body, compression, this.#maxBytes) : body
      return decodeMeta(id, text.toString(), this.#read)
    } catch (cause) {
      return unreadableResult(id, cause)
    }
  }

  #publishing(): Promise<PublishingChannel> {
    this.#channel ??= this.#connection.publishingChannel().then(
      (channel) => {
        channel.onClosed(() => {
          this.#channel = undefined
        })
        return channel
      },
      (error: unknown) => {
        this.#channel = undefined
        throw error
      },
    )
    return this.#channel
  }
}
