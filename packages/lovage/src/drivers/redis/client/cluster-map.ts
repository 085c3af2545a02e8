import { ConnectionError } from '../../../kernel/index.js'
import { Asker } from './asker.js'
import type { RedisTarget } from './options.js'
import type { ServerAddress } from './server-finder.js'

/** A range of slots from CLUSTER SLOTS: its owner first, then the owner's replicas. */
type Range = readonly [
  first: number,
  last: number,
  ...servers: (readonly [host: string | null, port: number])[],
]

const SLOTS = 16_384

const rangeOf = (first: number, last: number): string => (first === last ? `${first}` : `${first}-${last}`)

/** Who owns which slots. */
export class SlotOwners {
  readonly #ranges: readonly {
    readonly first: number
    readonly last: number
    readonly owner: ServerAddress
  }[]

  constructor(ranges: readonly Range[], asked: ServerAddress) {
    this.#ranges = ranges.flatMap(([first, last, owner]) =>
      owner === undefined ? [] : [{ first, last, owner: addressOf(owner, asked) }],
    )
  }

  /** The nodes that own slots. */
  get all(): readonly ServerAddress[] {
    return [...new Map(this.#ranges.map(({ owner }) => [`${owner.host}:${owner.port}`, owner])).values()]
  }

  /** The slots that nobody owns, as ranges. */
  unserved(): readonly string[] {
    const ranges: string[] = []
    let next = 0
    for (const { first, last } of [...this.#ranges].sort((one, other) => one.first - other.first)) {
      if (first > next) ranges.push(rangeOf(next, first - 1))
      next = last + 1
    }
    if (next < SLOTS) ranges.push(rangeOf(next, SLOTS - 1))
    return ranges
  }

  /** Undefined when no node serves the slot. */
  of(slot: number): ServerAddress | undefined {
    return this.#ranges.find(({ first, last }) => first <= slot && slot <= last)?.owner
  }
}

/** Asks the nodes of a Cluster who owns its slots. Any node can tell; those that it names are asked too from then on. */
export class ClusterMap {
  readonly #target: RedisTarget
  readonly #seeds: readonly ServerAddress[]
  readonly #asker: Asker
  #nodes: readonly ServerAddress[]

  constructor(target: RedisTarget, seeds: readonly ServerAddress[]) {
    this.#target = target
    this.#seeds = seeds
    this.#asker = new Asker(target)
    this.#nodes = seeds
  }

  /** The owners as the first node sees it that answers, and serves this slot. Rejects with a ConnectionError. */
  async read(slot?: number): Promise<SlotOwners> {
    const answer = await this.#asker.firstOf<ServerAddress, SlotOwners>(this.#nodes, async (ask, asked) => {
      const ranges = (await ask('CLUSTER', 'SLOTS')) as readonly Range[]
      const owners = new SlotOwners(ranges, asked)
      if (slot !== undefined && !owners.of(slot))
        return { problem: `no node serves slot ${slot}`, isRefusal: false }
      this.#learn(ranges, asked)
      return { value: owners }
    })
    // Another one is asked the next time: a server that is cut off from the others keeps reporting the old state.
    this.#nodes = [...this.#nodes.slice(1), ...this.#nodes.slice(0, 1)]
    if ('value' in answer) return answer.value
    throw this.error(answer.problem, answer.isRefusal)
  }

  cancel(): void {
    this.#asker.cancel()
  }

  error(why: string, isRefusal = false): ConnectionError {
    const { location } = this.#target
    return new ConnectionError(`The Redis Cluster cannot be used (${location}): ${why}`, {
      code: isRefusal ? 'LVG_CONNECTION_REFUSED' : 'LVG_CONNECTION_FAILED',
      details: { location },
      hint: /cluster support disabled/.test(why)
        ? 'This server is not a Cluster node: use redis://.'
        : isRefusal
          ? 'Check user, password and access rules.'
          : 'A failover takes a while; if it lasts, see CLUSTER INFO.',
    })
  }

  #learn(ranges: readonly Range[], asked: ServerAddress): void {
    const told = ranges.flatMap(([, , ...servers]) => servers.map((server) => addressOf(server, asked)))
    const isNew = ({ host, port }: ServerAddress, at: number, all: readonly ServerAddress[]): boolean =>
      all.findIndex((other) => other.host === host && other.port === port) === at
    // The order of asking stays the same.
    const known = this.#nodes.filter((node) =>
      [...told, ...this.#seeds].some(({ host, port }) => host === node.host && port === node.port),
    )
    this.#nodes = [...known, ...told, ...this.#seeds].filter(isNew)
  }
}

/** A server that does not know its own address is reachable where it was asked. */
const addressOf = ([host, port]: readonly [string | null, number], asked: ServerAddress): ServerAddress => ({
  host: host === null || host === '' || host === '?' ? asked.host : host,
  port,
})
