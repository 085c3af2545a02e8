import type { AppCore } from '../../app/core/index.js'
import { knownQueues } from '../../app/fleet/index.js'
import { ConfigurationError } from '../../kernel/index.js'

/** A misspelt queue must be an error: an empty row, or nothing purged, would look like a valid result. */
export async function requireKnown(app: AppCore, names: readonly string[]): Promise<void> {
  if (names.length === 0) return
  const known = await knownQueues(app)
  const foreign = names.filter((name) => !known.includes(name))
  if (foreign.length === 0) return
  const existing = (await (await app.broker()).admin.existing?.(foreign)) ?? []
  const unknown = foreign.filter((name) => !existing.includes(name))
  if (unknown.length === 0) return
  throw new ConfigurationError(`There is no queue ${unknown.join(', ')}.`, {
    code: 'LVG_USAGE',
    details: { unknown, known },
    hint: `Known queues: ${known.join(', ')}.`,
  })
}
