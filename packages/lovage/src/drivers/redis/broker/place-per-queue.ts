import { ClusterNodes, queueTarget, type RedisLink, type RedisTarget } from '../client/index.js'
import type { Place, Places } from './places.js'
import { type KeyOptions, RedisKeys } from './redis-keys.js'

/** A Cluster with a slot for each queue: its keys have the tag of the queue, over connections that all slots share. */
export class PlacePerQueue implements Places {
  readonly isOne = false
  readonly shared: Place
  readonly nodes: ClusterNodes
  readonly #target: RedisTarget
  readonly #keyOptions: KeyOptions
  readonly #places = new Map<string, Place>()

  /** @param shared Leads to the keys of no queue; default over the same connections. */
  constructor(target: RedisTarget, keyOptions: KeyOptions, name: string, shared?: RedisLink) {
    this.#target = target
    this.#keyOptions = keyOptions
    this.nodes = new ClusterNodes(target, name)
    this.shared = {
      connection: shared ?? this.nodes.slotOf(target.keyPrefix),
      keys: new RedisKeys(target.keyPrefix, target.db, keyOptions),
    }
  }

  of(queue: string): Place {
    let place = this.#places.get(queue)
    if (!place) {
      const { keyPrefix, db } = queueTarget(this.#target, queue)
      place = {
        connection: this.nodes.slotOf(keyPrefix),
        keys: new RedisKeys(keyPrefix, db, this.#keyOptions),
      }
      this.#places.set(queue, place)
    }
    return place
  }

  together<Result>(sending: () => Result): Result {
    return this.nodes.together(sending)
  }
}
