import { connect } from 'amqplib'

/** How many messages are ready in a queue, asked on a connection of one's own. */
export async function rabbitDepth(url, queue = 'bench') {
  const connection = await connect(url)
  const channel = await connection.createChannel()
  return {
    async ready() {
      return (await channel.assertQueue(queue, { durable: true })).messageCount
    },
    close: () => connection.close(),
  }
}
