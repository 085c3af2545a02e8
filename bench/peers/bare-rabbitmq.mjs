// The fastest that amqplib can do on Celery's wire: messages of the same headers and bytes, one wait for the confirms of a batch, and one
// acknowledgement for all that came in a turn of the event loop.
import amqp from 'amqplib'
import { body, headersOf } from '../envelope.mjs'

export const name = 'Bare driver'
export const concurrency = 200

export async function open({ url }) {
  const connection = await amqp.connect(url)
  const channel = await connection.createConfirmChannel()
  await channel.assertQueue('bench', { durable: true })
  const { randomUUID } = await import('node:crypto')
  const send = () => {
    const id = randomUUID()
    channel.publish('', 'bench', body, {
      headers: headersOf(id),
      correlationId: id,
      contentType: 'application/json',
      contentEncoding: 'utf-8',
      deliveryMode: 2,
      priority: 0,
    })
  }
  let isClosing = false
  return {
    async publish(count) {
      for (let sent = 0; sent < count; sent++) send()
      await channel.waitForConfirms()
    },
    async one() {
      send()
      await channel.waitForConfirms()
    },
    async work(on) {
      const consuming = await connection.createChannel()
      await consuming.prefetch(concurrency)
      let last
      await consuming.consume('bench', (message) => {
        if (last === undefined)
          setImmediate(() => {
            if (!isClosing) consuming.ack(last, true)
            last = undefined
          })
        last = message
        on()
      })
    },
    close() {
      isClosing = true
      return connection.close()
    },
  }
}
