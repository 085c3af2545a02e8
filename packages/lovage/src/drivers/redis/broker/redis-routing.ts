import type { ExchangeType, Queue } from '../../../broker/index.js'
import { MessageError } from '../../../kernel/index.js'
import { isRefusedForNow, type RedisLink } from '../client/index.js'
import type { RedisKeys } from './redis-keys.js'

const LOOKED_AT_ONCE = 50

/** A queue with its declaration's defaults filled in. */
interface Binding {
  readonly queue: string
  readonly exchange: string
  readonly type: ExchangeType
  readonly routingKey: string
  readonly isTemporary: boolean
}

/** Bindings in kombu's sets: written for the queues declared here, read to route by exchange. */
export class RedisRouting {
  readonly #connection: RedisLink
  readonly #keys: RedisKeys
  readonly #declared = new Map<string, Binding>()
  readonly #lookups = new Map<string, Promise<string[]>>()
  readonly #patterns = new Map<string, RegExp>()
  /** Where the next look for lost declarations begins. */
  #lookedAt = 0

  readonly #removeLists: (queue: string) => Promise<unknown>

  /** @param removeLists Removes the lists of a queue that are not under `keys`. */
  constructor(
    connection: RedisLink,
    keys: RedisKeys,
    removeLists: (queue: string) => Promise<unknown> = async () => {},
  ) {
    this.#connection = connection
    this.#keys = keys
    this.#removeLists = removeLists
  }

  async declare(queues: readonly Queue[]): Promise<void> {
    for (const { name } of queues) this.#keys.checkQueue(name)
    const bindings = queues.map(bindingOf)
    for (const binding of bindings) this.#declared.set(binding.queue, binding)
    await this.#write(bindings)
  }

  /** Writes all declarations again: a server that was flushed or replaced has lost them. */
  async declareAgain(): Promise<void> {
    await this.#write([...this.#declared.values()])
  }

  /**
   * Declares again if the server has lost declarations, as after a FLUSHALL, which no connection notices. Looks at some of them each time,
   * in turn, so that a worker of many queues asks no more than one of few.
   */
  async declareLost(): Promise<void> {
    const bindings = [...this.#declared.values()].filter(({ type }) => type !== 'fanout')
    if (bindings.length === 0) return
    const from = this.#lookedAt < bindings.length ? this.#lookedAt : 0
    const some = bindings.slice(from, from + LOOKED_AT_ONCE)
    this.#lookedAt = from + some.length
    const sets = [...new Set(some.map(({ exchange }) => this.#keys.binding(exchange)))]
    const [known, found] = await this.#connection.together(() =>
      Promise.all([
        this.#connection.send<number[]>('smismember', [this.#keys.queues, ...some.map(({ queue }) => queue)]),
        this.#connection.send<number>('exists', sets),
      ]),
    )
    if (!known.every(Boolean) || found < sets.length) await this.declareAgain()
  }

  /** Removes the temporary queues declared here, with their contents. */
  async removeTemporary(): Promise<void> {
    const temporary = [...this.#declared.values()].filter((binding) => binding.isTemporary)
    await Promise.all(temporary.map(({ queue }) => this.remove(queue)))
  }

  /** Removes a queue that was declared here, with its contents. */
  async remove(queue: string): Promise<void> {
    const binding = this.#declared.get(queue)
    if (!binding) return
    this.#declared.delete(queue)
    await this.#forget(binding)
  }

  /** Removes a queue declared by another process that is gone. */
  async removeStale(queue: Queue): Promise<void> {
    await this.#forget(bindingOf(queue))
  }

  async #forget(binding: Binding): Promise<void> {
    const { queue } = binding
    const text = member(binding, this.#keys.separator)
    await this.#connection.together(() =>
      Promise.all([
        this.#connection.command('srem', this.#keys.binding(binding.exchange), text),
        this.#connection.command('srem', this.#keys.queues, queue),
        this.#connection.command('del', ...this.#keys.lists(queue)),
        this.#removeLists(queue),
      ]),
    )
  }

  /** A queue's declaration here; undefined when it was not declared here. */
  typeOf(exchange: string): ExchangeType | undefined {
    for (const binding of this.#declared.values()) if (binding.exchange === exchange) return binding.type
    return undefined
  }

  /** The queues to which an exchange routes a message; at least one, otherwise a MessageError: a message without a queue is lost. */
  async route(exchange: string, routingKey: string): Promise<readonly string[]> {
    let found = await this.lookUp(exchange, routingKey)
    if (found.length === 0 && this.typeOf(exchange) !== undefined) {
      await this.declareAgain()
      found = await this.lookUp(exchange, routingKey)
    }
    if (found.length > 0) return found
    throw new MessageError(`No queue is bound to exchange ${exchange} for the routing key ${routingKey}`, {
      code: 'LVG_MESSAGE_UNROUTABLE',
      details: { exchange, routingKey },
    })
  }

  /** The same, without an error. */
  async lookUp(exchange: string, routingKey: string): Promise<readonly string[]> {
    const type = this.typeOf(exchange)
    const queues = new Set<string>()
    for (const text of await this.#members(exchange)) {
      const [key = '', pattern = '', queue = ''] = text.split(this.#keys.separator)
      // Redis does not know the type of an exchange; a pattern is only written for a topic.
      const isTopic = type === undefined ? pattern !== '' : type === 'topic'
      if (isTopic ? this.#pattern(pattern).test(routingKey) : key === routingKey) queues.add(queue)
    }
    return [...queues]
  }

  /** Those of one tick share a round trip. */
  #members(exchange: string): Promise<string[]> {
    const known = this.#lookups.get(exchange)
    if (known) return known
    const lookup = this.#connection
      .command<string[]>('smembers', this.#keys.binding(exchange))
      .finally(() => this.#lookups.delete(exchange))
    this.#lookups.set(exchange, lookup)
    return lookup
  }

  #pattern(text: string): RegExp {
    let pattern = this.#patterns.get(text)
    if (!pattern) {
      pattern = new RegExp(text)
      this.#patterns.set(text, pattern)
    }
    return pattern
  }

  async #write(bindings: readonly Binding[]): Promise<void> {
    if (bindings.length === 0) return
    try {
      await this.#each(bindings, 'sadd')
    } catch (error) {
      // A server that accepts no writes now may already have them: then workers can empty its queues.
      if (!isRefusedForNow(error) || !(await this.#each(bindings, 'sismember')).every(Boolean)) throw error
    }
  }

  #each(bindings: readonly Binding[], command: 'sadd' | 'sismember'): Promise<number[]> {
    const { separator, queues } = this.#keys
    return this.#connection.together(() =>
      Promise.all(
        bindings.flatMap((binding) => [
          this.#connection.command<number>(
            command,
            this.#keys.binding(binding.exchange),
            member(binding, separator),
          ),
          ...(binding.type === 'fanout'
            ? []
            : [this.#connection.command<number>(command, queues, binding.queue)]),
        ]),
      ),
    )
  }
}

function bindingOf(queue: Queue): Binding {
  const type = queue.exchangeType ?? 'direct'
  return {
    queue: queue.name,
    exchange: queue.exchange ?? queue.name,
    type,
    routingKey: queue.routingKey ?? (type === 'fanout' ? '' : queue.name),
    isTemporary: queue.autoDelete === true || queue.exclusive === true,
  }
}

function member({ type, routingKey, queue }: Binding, separator: string): string {
  const pattern = type === 'topic' ? topicPattern(routingKey) : ''
  return [routingKey, pattern, queue].join(separator)
}

/** kombu's translation of a topic into a regular expression; its `*` is not limited to one word. */
export function topicPattern(topic: string): string {
  const words = topic
    .replace(/[^\p{L}\p{N}.#*]/gu, (char) => `\\${char}`)
    .split('.')
    .map((word) => (word === '*' ? '.*?[^\\.]' : word === '#' ? '.*?' : word))
  return `^${words.join('\\.')}$`
}
