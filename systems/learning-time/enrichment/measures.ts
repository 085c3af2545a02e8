import { Meters } from 'lovage-systems-kit'
import { app } from '../lms/app.js'

const meters = new Meters()
// Served by the worker, beside its own measures.
app.metricSources.push(() => meters.text())

/** What became of each call: `enriched`, `no_data`, `error`, `disabled`. */
export const outcomes = meters.counter(
  'webhook_enrichment_total',
  'Completions by outcome of their enrichment.',
)
export const queries = meters.histogram(
  'snowflake_query_duration_seconds',
  'Response time of the warehouse.',
  [0.1, 0.25, 0.5, 1, 2, 3, 5, 10],
)
/** `hit`, `miss`. */
export const cached = meters.counter('learning_time_cache_total', 'Lookups in the cache of learning times.')
