import { ConnectionError } from '../../../kernel/index.js'
import { Asker } from './asker.js'
import type { RedisTarget } from './options.js'
import type { ServerAddress, ServerFinder } from './server-finder.js'

/** A range of slots from CLUSTER SLOTS: its owner first, then the owner's replicas. */
type Range = readonly [
  first: number,
  last: number,
  ...servers: (readonly [host: string | null, port: number])[],
]

/**
 * Finds the Cluster server that holds all our keys: they share one hash tag, and so are in one slot. Any server of
 * the Cluster can tell; the servers that it names are asked too from then on.
 */
export class ClusterFinder implements ServerFinder {
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

  async find(): Promise<ServerAddress> {
    const { keyPrefix } = this.#target
    const answer = await this.#asker.firstOf<ServerAddress, ServerAddress>(
      this.#nodes,
      async (ask, asked) => {
        const slot = Number(await ask('CLUSTER', 'KEYSLOT', keyPrefix))
        const ranges = (await ask('CLUSTER', 'SLOTS')) as readonly Range[]
        const [, , owner] = ranges.find(([first, last]) => first <= slot && slot <= last) ?? []
        if (!owner) return { problem: `no node serves slot ${slot}`, isRefusal: false }
        this.#learn(ranges, asked)
        return { value: addressOf(owner, asked) }
      },
    )
    // Another one is asked the next time: a server that is cut off from the others keeps reporting the old state.
    this.#nodes = [...this.#nodes.slice(1), ...this.#nodes.slice(0, 1)]
    if ('value' in answer) return answer.value
    throw this.#error(answer.problem, answer.isRefusal)
  }

  cancel(): void {
    this.#asker.cancel()
  }

  check(role: string): ConnectionError | undefined {
    return role === 'master' ? undefined : this.#error('the reported owner of our slot is a replica', false)
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

  #error(why: string, isRefusal: boolean): ConnectionError {
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
}

/** A server that does not know its own address is reachable where it was asked. */
const addressOf = ([host, port]: readonly [string | null, number], asked: ServerAddress): ServerAddress => ({
  host: host === null || host === '' || host === '?' ? asked.host : host,
  port,
})
