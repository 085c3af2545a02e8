import type { AmqpChannel } from '../client/index.js'

/** The exchange and the queue of orphaned messages, whose queue is gone. */
export const ORPHANS = 'lovage_orphans'

/** The declaration of the driver's own queues. */
export type OrphanQueueType = 'quorum' | 'classic'

/**
 * Declares the destination of messages whose queue was deleted while they were delayed; every worker empties it into the dead letters. A
 * policy may also route messages there that RabbitMQ drops from a queue (`dead-letter-exchange`): see docs/operate/rabbitmq.md.
 */
export async function declareOrphans(channel: AmqpChannel, type: OrphanQueueType): Promise<void> {
  await channel.declareExchange({ name: ORPHANS, type: 'fanout' })
  await channel.declareQueue({ name: ORPHANS, arguments: { 'x-queue-type': type } })
  await channel.bindQueue(ORPHANS, ORPHANS, '')
}
