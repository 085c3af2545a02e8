import type { Binding, Queue } from '../../../broker/index.js'
import { ConfigurationError, isLovageError } from '../../../kernel/index.js'
import type { OutgoingMessage } from '../../../message/index.js'
import { bindingOf, route } from '../../shared/index.js'
import { entityName, isFifo, type SqsClient } from '../client/index.js'

/** A queue of ours, and where SQS has it. */
export interface SqsQueue {
  readonly name: string
  readonly url: string
  readonly isFifo: boolean
}

/** The queues of an app by their own names; those that are missing are made when they are first used, as kombu makes them. */
export class SqsQueues {
  readonly #client: SqsClient
  readonly #known = new Map<string, Promise<SqsQueue>>()
  readonly #bindings = new Map<string, Binding>()

  constructor(client: SqsClient) {
    this.#client = client
  }

  get bindings(): readonly Binding[] {
    return [...this.#bindings.values()]
  }

  async declare(queues: readonly Queue[]): Promise<void> {
    for (const queue of queues) this.#bindings.set(queue.name, bindingOf(queue))
    await Promise.all(queues.map(({ name }) => this.get(name)))
  }

  /** The names of the queues for a message. @throws {MessageError} LVG_MESSAGE_UNROUTABLE */
  route(message: Pick<OutgoingMessage, 'exchange' | 'routingKey'>): readonly string[] {
    return route(message, (exchange) => this.bindings.filter((one) => one.exchange === exchange))
  }

  /** The name in SQS. */
  entityName(name: string): string {
    return entityName(this.#client.options.prefix + name)
  }

  get(name: string): Promise<SqsQueue> {
    const known = this.#known.get(name)
    if (known) return known
    const found = this.#find(name, true).then((url) => ({ name, url, isFifo: isFifo(name) }))
    this.#known.set(name, found)
    found.catch(() => this.#known.delete(name))
    return found
  }

  /** Undefined when SQS has no such queue. */
  async existing(name: string): Promise<SqsQueue | undefined> {
    const known = this.#known.get(name)
    if (known) return known
    try {
      return { name, url: await this.#find(name, false), isFifo: isFifo(name) }
    } catch (error) {
      if (isMissing(error)) return undefined
      throw error
    }
  }

  /** Someone else has deleted it: it is looked for again. */
  forget(name: string): void {
    this.#known.delete(name)
  }

  /** The queues in SQS, by our own names where they are known. */
  async names(): Promise<readonly string[]> {
    const { predefined, prefix } = this.#client.options
    if (predefined) return [...predefined.keys()]
    const start = entityName(prefix)
    const own = new Map([...this.#known.keys()].map((name) => [this.entityName(name), name]))
    const names = await this.#client.names(start)
    // A listing is behind what was just made.
    return [...new Set([...names.map((name) => own.get(name) ?? name.slice(start.length)), ...own.values()])]
  }

  async #find(name: string, makes: boolean): Promise<string> {
    const { predefined, creation, tags } = this.#client.options
    if (predefined) {
      const url = predefined.get(name)
      if (url !== undefined) return url
      throw new ConfigurationError(`SQS: the queue ${name} is not among predefined_queues.`, {
        code: 'LVG_CONFIG_INVALID',
        details: { queue: name },
      })
    }
    const entity = this.entityName(name)
    if (entity.length > 80 || entity === '')
      throw new ConfigurationError(
        `SQS: the queue name ${entity} has ${entity.length} characters; 1 to 80 are allowed.`,
        {
          code: 'LVG_CONFIG_INVALID',
          details: { queue: name },
        },
      )
    try {
      return await this.#client.urlOf(entity)
    } catch (error) {
      if (!makes || !isMissing(error)) throw error
    }
    const attributes = { ...creation, ...(isFifo(name) ? { FifoQueue: 'true' } : {}) }
    try {
      return await this.#client.create(entity, attributes, tags)
    } catch (error) {
      // Another process has just made it, with other attributes.
      return await this.#client.urlOf(entity).catch(() => {
        throw error
      })
    }
  }
}

/** Whether SQS said that there is no such queue. */
export const isMissing = (error: unknown): boolean =>
  isLovageError(error) &&
  error.code === 'LVG_SQS_REFUSED' &&
  /QueueDoesNotExist|NonExistentQueue/.test(String(error.details.name))
