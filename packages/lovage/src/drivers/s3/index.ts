import type { Driver } from '../shared/index.js'

/** A bucket of Amazon S3, or of a server that speaks its protocol. */
export const s3: Driver = {
  payloads: async () => (await import('./s3-payload-store.js')).openS3PayloadStore,
  reach: 'network',
}
