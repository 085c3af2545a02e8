import type { AmqpChannel } from '../client/index.js'

/** The exchange and the queue of messages that have lost their place. */
export const ORPHANS = 'lovage_orphans'

/** What queues of the driver's own are made as. */
export type OrphanQueueType = 'quorum' | 'classic'

/**
 * Declares where messages go whose queue has gone while they were delayed; every worker empties it, and makes dead letters of them. A
 * policy may send there, too, what RabbitMQ drops from a queue (`dead-letter-exchange`): see docs/operate/rabbitmq.md.
 */
export async function declareOrphans(channel: AmqpChannel, type: OrphanQueueType): Promise<void> {
  await channel.declareExchange({ name: ORPHANS, type: 'fanout' })
  await channel.declareQueue({ name: ORPHANS, arguments: { 'x-queue-type': type } })
  await channel.bindQueue(ORPHANS, ORPHANS, '')
}
