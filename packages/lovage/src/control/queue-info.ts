import type { Queue } from '../broker/index.js'

/** A queue as Celery's tools read it. */
export function queueInfo(queue: Queue): Readonly<Record<string, unknown>> {
  const { name, exchange = name, exchangeType = 'direct', routingKey = name } = queue
  return {
    name,
    exchange: {
      name: exchange,
      type: exchangeType,
      arguments: null,
      durable: true,
      passive: false,
      auto_delete: false,
      delivery_mode: null,
      no_declare: false,
    },
    routing_key: routingKey,
    queue_arguments: queue.arguments ?? null,
    binding_arguments: null,
    consumer_arguments: null,
    durable: queue.durable ?? true,
    exclusive: queue.exclusive ?? false,
    auto_delete: queue.autoDelete ?? false,
    no_ack: false,
    alias: null,
    bindings: [],
    no_declare: null,
    expires: queue.expires ?? null,
    message_ttl: queue.messageTtl ?? null,
    max_length: queue.maxLength ?? null,
    max_length_bytes: null,
    max_priority: queue.maxPriority ?? null,
  }
}
