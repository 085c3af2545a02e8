import type { Consumer } from '../../../broker/index.js'
import type { Forwarding } from './companion.js'

/** A consumer that sends on what is due for its queues, for as long as it claims. */
export function forwardingConsumer(consumer: Consumer, forwarding: Forwarding | undefined): Consumer {
  if (!forwarding) return consumer
  return {
    settlesResults: consumer.settlesResults,
    settle: (settlements) => consumer.settle(settlements),
    demand: () => consumer.demand(),
    async setQueues(queues) {
      await Promise.all([consumer.setQueues(queues), forwarding.setQueues(queues)])
    },
    async pause() {
      await Promise.all([consumer.pause(), forwarding.pause()])
    },
    async close() {
      await Promise.all([consumer.close(), forwarding.close()])
    },
  }
}
