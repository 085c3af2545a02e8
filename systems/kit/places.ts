import { isLovageError, Lovage } from 'lovage'
import { openDatabase } from './open-database.js'
import type { Places } from './stage.js'

/** Why a system cannot be run on the places that were given; undefined when it can. A system counts its own work from nothing. */
export async function whyUnfit({ broker, database }: Partial<Places>): Promise<string | undefined> {
  return (broker ? await ofBroker(broker) : undefined) ?? (database ? await ofDatabase(database) : undefined)
}

async function ofBroker(broker: string): Promise<string | undefined> {
  const app = new Lovage('looks', { broker, env: {} })
  try {
    const waiting = (await app.queues.report()).reduce(
      (sum, { ready, unacked = 0, delayed = 0 }) => sum + ready + unacked + delayed,
      0,
    )
    const letters = [...(await app.deadLetters.queues()).values()].reduce((sum, count) => sum + count, 0)
    if (waiting + letters === 0) return undefined
    return `--broker: ${many(waiting, 'message')} and ${many(letters, 'dead letter')} are there already. Give an empty one: another database of Redis (redis://…/1), another virtual host of RabbitMQ.`
  } catch (error) {
    return `--broker: ${told(error)}`
  } finally {
    await app.close()
  }
}

async function ofDatabase(url: string): Promise<string | undefined> {
  try {
    const db = await openDatabase(url)
    try {
      const [row] = await db.query(
        db.kind === 'sqlite'
          ? `SELECT count(*) AS n FROM sqlite_master WHERE type = 'table'`
          : 'SELECT count(*) AS n FROM pg_tables WHERE schemaname = current_schema()',
      )
      const tables = Number(row?.n)
      if (tables === 0) return undefined
      return `--database: it has ${many(tables, 'table')} already. Give an empty one: createdb NAME.`
    } finally {
      await db.close()
    }
  } catch (error) {
    return `--database: ${told(error)}`
  }
}

const many = (count: number, what: string): string => `${count} ${what}${count === 1 ? '' : 's'}`

function told(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error)
  return isLovageError(error) && error.hint ? `${message}\n  ${error.hint}` : message
}
