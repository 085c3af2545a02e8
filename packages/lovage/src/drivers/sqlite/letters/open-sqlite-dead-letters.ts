import type { OpenDeadLetterStore } from '../../../dead-letter/index.js'
import { openSqliteFile } from '../file/index.js'
import { sqliteDeadLetters } from './sqlite-dead-letters.js'

/** Opens the table `dead_letter_tasks` in the file that a `sqlite://` URL names. */
export async function openSqliteDeadLetters(url: string): Promise<OpenDeadLetterStore> {
  const file = await openSqliteFile(url)
  try {
    const letters = await sqliteDeadLetters(file)
    return { ...letters, location: file.path, close: () => file.close() }
  } catch (error) {
    await file.close()
    throw error
  }
}
