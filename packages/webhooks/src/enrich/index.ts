export { type Enrichment, enrichment } from './enrichment.js'
export type { EnrichmentOptions, EnrichmentOutcome } from './enrichment-options.js'
