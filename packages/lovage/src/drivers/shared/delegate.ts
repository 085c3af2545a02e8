import type { Broker } from '../../broker/index.js'

/** A broker that delegates everything to another: properties spread over it replace single operations. */
export function delegate(broker: Broker): Broker {
  const { findIn, publishIn } = broker
  return {
    kind: broker.kind,
    location: broker.location,
    capabilities: broker.capabilities,
    admin: broker.admin,
    deadLetters: broker.deadLetters,
    check: () => broker.check(),
    declare: (queues) => broker.declare(queues),
    publish: (messages) => broker.publish(messages),
    ...(publishIn ? { publishIn: (...given) => publishIn.call(broker, ...given) } : {}),
    ...(findIn ? { findIn: (...given) => findIn.call(broker, ...given) } : {}),
    consume: (options) => broker.consume(options),
    broadcast: (message) => broker.broadcast(message),
    subscribe: (...given) => broker.subscribe(...given),
    reply: (message) => broker.reply(message),
    inbox: (exchange, routingKey, on) => broker.inbox(exchange, routingKey, on),
    depths: (queues, options) => broker.depths(queues, options),
    purge: (queue, see) => broker.purge(queue, see),
    close: () => broker.close(),
  }
}
