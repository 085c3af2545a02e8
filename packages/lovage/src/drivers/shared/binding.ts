import type { Binding, Queue } from '../../broker/index.js'
import { MessageError } from '../../kernel/index.js'
import type { OutgoingMessage } from '../../message/index.js'
import { matchesTopic } from './topic.js'

/**
 * The binding of a queue's declaration, with defaults filled in.
 *
 * @example
 * import { Queue } from 'lovage'
 * import { bindingOf } from 'lovage/driver'
 * const binding = bindingOf(new Queue('mail'))
 */
export function bindingOf(queue: Queue): Binding {
  return {
    exchange: queue.exchange ?? queue.name,
    type: queue.exchangeType ?? 'direct',
    routingKey: queue.routingKey ?? queue.name,
    queue: queue.name,
  }
}

/**
 * The queues that a message goes to: with the default exchange `''` the one that its routing key names, declared
 * or not; otherwise those whose binding matches.
 *
 * @throws MessageError LVG_MESSAGE_UNROUTABLE when there is none: kombu would drop the message silently.
 * @example
 * import { type Binding, route } from 'lovage/driver'
 * const bindings: Binding[] = [{ exchange: 'logs', type: 'topic', routingKey: 'eu.*', queue: 'europe' }]
 * route({ exchange: 'logs', routingKey: 'eu.mail' }, () => bindings) // ['europe']
 */
export function route(
  message: Pick<OutgoingMessage, 'exchange' | 'routingKey'>,
  bindingsOf: (exchange: string) => readonly Binding[],
): readonly string[] {
  const { exchange, routingKey } = message
  if (exchange === '') return [routingKey]
  const queues = new Set<string>()
  for (const binding of bindingsOf(exchange)) if (matches(binding, routingKey)) queues.add(binding.queue)
  if (queues.size > 0) return [...queues]
  throw new MessageError(`No queue is bound to exchange "${exchange}" for routing key "${routingKey}"`, {
    code: 'LVG_MESSAGE_UNROUTABLE',
    details: { exchange, routingKey },
  })
}

function matches(binding: Binding, routingKey: string): boolean {
  switch (binding.type) {
    case 'fanout':
      return true
    case 'topic':
      return matchesTopic(binding.routingKey, routingKey)
    case 'direct':
      return binding.routingKey === routingKey
  }
}
