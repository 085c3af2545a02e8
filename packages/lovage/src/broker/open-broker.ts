import { openDeadLetterStore } from '../dead-letter/index.js'
import { type DriverOptions, type OpenDriver, openByScheme, redisDriver } from '../kernel/index.js'
import type { Broker } from './broker.js'
import type { Queue } from './queue.js'
import { withBroadcast } from './with-broadcast.js'
import { withDeadLetters } from './with-dead-letters.js'

const DRIVERS: Readonly<Record<string, () => Promise<OpenDriver<Broker>>>> = {
  sqlite: async () => (await import('./sqlite/index.js')).openSqliteBroker,
  memory: async () => (await import('./memory/index.js')).openMemoryBroker,
  ...redisDriver(async () => (await import('./redis/index.js')).openRedisBroker),
  postgresql: async () => (await import('./postgres/index.js')).openPostgresBroker,
  postgres: async () => (await import('./postgres/index.js')).openPostgresBroker,
  amqp: async () => (await import('./amqp/index.js')).openAmqpBroker,
  amqps: async () => (await import('./amqp/index.js')).openAmqpBroker,
  pyamqp: async () => (await import('./amqp/index.js')).openAmqpBroker,
}

/**
 * Opens the broker that a URL names: `memory://name`, `sqlite:///path.db`, `redis://host:6379/0`, `postgresql://…`,
 * `amqp://user:password@host/vhost`, with the store
 * of dead letters (`deadLetterUrl`) and the outbox (`outboxUrl`) that the settings name.
 *
 * @throws ConfigurationError LVG_DRIVER_UNKNOWN, LVG_DRIVER_MISSING (see `openByScheme`), and whatever the driver
 * throws when its server cannot be used.
 */
export async function openBroker(url: string, options: DriverOptions): Promise<Broker> {
  const { deadLetterUrl, outboxUrl } = options.settings
  let broker = await openByScheme('broker', DRIVERS, url, options)
  try {
    if (typeof deadLetterUrl === 'string')
      broker = withDeadLetters(broker, await openDeadLetterStore(deadLetterUrl, options))
    // A broker that is a database has no need of one.
    if (typeof outboxUrl === 'string' && !broker.publishIn)
      broker = await openByScheme('outbox', outboxDrivers(broker), outboxUrl, options)
    const shared = broadcastQueues(options.settings)
    return shared.length === 0 ? broker : withBroadcast(broker, shared)
  } catch (error) {
    await broker.close()
    throw error
  }
}

/** Those of `taskQueues`, whose own kind has checked what they are. */
function broadcastQueues({ taskQueues = [] }: DriverOptions['settings']): readonly Queue[] {
  return (taskQueues as readonly (string | Queue)[]).filter(
    (queue): queue is Queue => typeof queue !== 'string' && queue.broadcast === true,
  )
}

/** Outboxes, by the scheme of their URL, for a broker. */
function outboxDrivers(broker: Broker): Readonly<Record<string, () => Promise<OpenDriver<Broker>>>> {
  const postgresql = async (): Promise<OpenDriver<Broker>> => {
    const { withOutbox } = await import('./outbox/index.js')
    return (url, options) => withOutbox(broker, url, options)
  }
  return { postgresql, postgres: postgresql }
}
