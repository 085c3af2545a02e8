import { data } from './data.js'

/** The switch of the feature; without an entry in the store its environment variable decides, and without that it is off. */
export const FLAG = 'ENABLE_WEBHOOK_LEARNING_TIME_ENRICHMENT'

/** What was read is believed so long: a change is in effect everywhere within five seconds. */
const BELIEVED_MS = 2000

let believed: { readonly value: boolean; readonly untilMs: number } | undefined

/** Whether completions are enriched, as every process sees it within five seconds. */
export async function isEnrichmentOn(nowMs = Date.now()): Promise<boolean> {
  if (believed && nowMs < believed.untilMs) return believed.value
  const [row] = await (await data()).query('SELECT enabled FROM feature_flags WHERE name = $1', [FLAG])
  const value = row ? Number(row.enabled) === 1 : /^(1|true|on|yes)$/i.test(process.env[FLAG] ?? '')
  believed = { value, untilMs: nowMs + BELIEVED_MS }
  return value
}

/** Sets the switch for all processes. */
export async function setEnrichment(enabled: boolean, nowMs = Date.now()): Promise<void> {
  await (await data()).query(
    `INSERT INTO feature_flags (name, enabled, changed_ms) VALUES ($1, $2, $3)
     ON CONFLICT (name) DO UPDATE SET enabled = excluded.enabled, changed_ms = excluded.changed_ms`,
    [FLAG, enabled ? 1 : 0, nowMs],
  )
  believed = undefined
}
