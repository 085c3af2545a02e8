import type { Broker } from '../../../broker/index.js'
import type { DriverOptions } from '../../../kernel/index.js'
import { delegate } from '../../shared/index.js'
import { openPostgres, postgresOptionsOf, rowsIn } from '../client/index.js'
import { rowsParameter } from './outbox-row.js'
import { FIND, PUT, Relay, RING } from './relay.js'

const OUTBOX = {
  name: 'outbox',
  steps: [new URL('./schema-1.sql', import.meta.url), new URL('./schema-2.sql', import.meta.url)],
}

/**
 * Adds a database's transactions to a broker that is not a database (`outboxUrl`): messages are written to a table there in the sender's
 * transaction, and relayed after its commit by every process that consumes or has sent messages this way.
 * @throws {ConfigurationError | ConnectionError} about the database.
 */
export async function withOutbox(broker: Broker, url: string, options: DriverOptions): Promise<Broker> {
  const database = openPostgres(url, postgresOptionsOf(options.settings))
  try {
    await database.migrate(OUTBOX)
  } catch (error) {
    await database.close()
    throw error
  }
  let relay: Relay | undefined
  const startRelay = (): void => {
    relay ??= new Relay(database, broker, options)
  }
  return {
    ...delegate(broker),
    async publishIn(transaction, messages, queues = []) {
      if (messages.length === 0) return
      startRelay()
      await transaction.query(PUT, [rowsParameter(messages, queues)])
      await transaction.query(RING, [])
    },
    async findIn(transaction, ids) {
      return (rowsIn(await transaction.query(FIND, [[...ids]])) ?? []).map(({ task_id: id }) => String(id))
    },
    consume(given) {
      startRelay()
      return broker.consume(given)
    },
    async close() {
      await relay?.close()
      await broker.close()
      await database.close()
    },
  }
}
