import type { ConnectionError } from '../../../kernel/index.js'
import { ClusterMap } from './cluster-map.js'
import { keySlot } from './key-slot.js'
import type { RedisTarget } from './options.js'
import type { ServerAddress, ServerFinder } from './server-finder.js'

/** Finds the Cluster server that owns the slot of the target's prefix, in which all keys under it are. */
export class ClusterFinder implements ServerFinder {
  readonly #slot: number
  readonly #map: ClusterMap

  constructor(target: RedisTarget, seeds: readonly ServerAddress[]) {
    this.#slot = keySlot(target.keyPrefix)
    this.#map = new ClusterMap(target, seeds)
  }

  async find(): Promise<ServerAddress> {
    const owner = (await this.#map.read(this.#slot)).of(this.#slot)
    if (!owner) throw this.#map.error(`no node serves slot ${this.#slot}`)
    return owner
  }

  cancel(): void {
    this.#map.cancel()
  }

  check(role: string): ConnectionError | undefined {
    return role === 'master' ? undefined : this.#map.error('the reported owner of our slot is a replica')
  }
}
