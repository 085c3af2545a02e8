import { describeBroker } from '../../packages/lovage/src/broker/broker.suite.js'
import { openBroker } from '../../packages/lovage/src/drivers/index.js'
import { silentLogger, systemClock } from '../../packages/lovage/src/kernel/index.js'
import { startRabbit } from '../servers.js'

const options = {
  // Those of the default kind take seconds to be made; the test beside Python makes them.
  settings: { brokerNativeDelayedDeliveryQueueType: 'classic' },
  clock: systemClock,
  logger: silentLogger,
}

describeBroker({
  name: 'amqp',
  absentPriority: 0,
  async start() {
    const server = await startRabbit()
    return {
      open: () => openBroker(server.url(), options),
      restart: () => server.restart(),
      stop: () => server.stop(),
    }
  },
  skip: [
    {
      reason: 'the server notices by itself that a connection has ended',
      tests: ['returns what a dead holder held as soon as another is told of its death, and counts it'],
    },
    {
      reason: 'delayed messages of all queues stand in the same queues',
      tests: ['purges waiting and delayed messages, not claimed ones'],
    },
  ],
})
