import type { OpenDeadLetterStore } from '../../../dead-letter/index.js'
import type { DriverOptions } from '../../../kernel/index.js'
import { openPostgres, postgresOptionsOf } from '../client/index.js'
import { DEAD_LETTER_MIGRATIONS, postgresDeadLetters } from './postgres-dead-letters.js'

/** Opens the table `dead_letter_tasks` in the database that a `postgresql://` URL names. */
export async function openPostgresDeadLetters(
  url: string,
  { settings }: DriverOptions,
): Promise<OpenDeadLetterStore> {
  const database = openPostgres(url, postgresOptionsOf(settings))
  try {
    await database.migrate(DEAD_LETTER_MIGRATIONS)
  } catch (error) {
    await database.close()
    throw error
  }
  return {
    ...postgresDeadLetters(database),
    location: database.target.location,
    close: () => database.close(),
  }
}
