import type { Driver } from '../shared/index.js'

/** A folder that every process reaches: of this machine, or of a network file system. */
export const folder: Driver = {
  payloads: async () => (await import('./folder-payload-store.js')).openFolderPayloadStore,
  reach: 'machine',
}
