import { ConnectionError, counted } from '../../../kernel/index.js'
import { type Answer, Asker } from './asker.js'
import type { RedisTarget } from './options.js'
import type { Sentinels } from './sentinel-url.js'
import type { ServerAddress, ServerFinder } from './server-finder.js'

/** Finds the primary through its Sentinels, starting with the one that answered last. */
export class SentinelFinder implements ServerFinder {
  readonly #location: string
  readonly #sentinels: Sentinels
  readonly #asker: Asker
  #nodes: readonly ServerAddress[]

  constructor({ location }: Pick<RedisTarget, 'location'>, sentinels: Sentinels) {
    this.#location = location
    this.#sentinels = sentinels
    this.#asker = new Asker(sentinels)
    this.#nodes = sentinels.nodes
  }

  async find(): Promise<ServerAddress> {
    const { nodes, masterName } = this.#sentinels
    let doubted: ServerAddress | undefined
    const answer = await this.#asker.firstOf<ServerAddress, ServerAddress>(this.#nodes, async (ask) => {
      // Sentinels reply with alternating names and values.
      const said = this.#read((await ask('SENTINEL', 'MASTER', masterName)) as readonly string[])
      if (!('value' in said)) return said
      const { primary, isDoubted } = said.value
      if (!isDoubted) return { value: primary }
      doubted ??= primary
      return { problem: 'it does not reach the primary', isRefusal: false }
    })
    if ('value' in answer) {
      this.#nodes = [...nodes].sort((a, b) => Number(b === answer.node) - Number(a === answer.node))
      return answer.value
    }
    // Some Sentinels cannot reach it, and have not agreed that it is down: the fault may be theirs alone.
    if (doubted) return doubted
    throw this.#error(answer.problem, answer.isRefusal)
  }

  cancel(): void {
    this.#asker.cancel()
  }

  /** Sentinels learn late: the server that they call the primary may have become a replica. */
  check(role: string): ConnectionError | undefined {
    return role === 'master'
      ? undefined
      : this.#error('the server that its Sentinels call the primary is a replica', false)
  }

  #read(reply: readonly string[]): Answer<{ readonly primary: ServerAddress; readonly isDoubted: boolean }> {
    const fields = new Map(reply.flatMap((name, at) => (at % 2 === 0 ? [[name, reply[at + 1] ?? '']] : [])))
    const flags = fields.get('flags') ?? ''
    const others = Number(fields.get('num-other-sentinels') ?? 0)
    const [host, port] = [fields.get('ip') ?? '', Number(fields.get('port'))]
    const { minOthers } = this.#sentinels
    const problem =
      /\bo_down\b/.test(flags) ? 'the primary is down'
      : !/\bmaster\b/.test(flags) || host === '' || !(port > 0) ? 'it knows no primary of this name'
      : others < minOthers ? `it sees ${counted(others, 'other Sentinel')}, but ${counted(minOthers, 'is', 'are')} required`
      : undefined // biome-ignore format: one case a line
    if (problem !== undefined) return { problem, isRefusal: false }
    return { value: { primary: { host, port }, isDoubted: /\bs_down\b/.test(flags) } }
  }

  #error(why: string, isRefusal: boolean): ConnectionError {
    const { masterName } = this.#sentinels
    return new ConnectionError(`No Sentinel leads to ${masterName} (${this.#location}): ${why}`, {
      code: isRefusal ? 'LVG_CONNECTION_REFUSED' : 'LVG_CONNECTION_FAILED',
      details: { location: this.#location, masterName },
      hint: isRefusal
        ? 'Compare master_name, and the password in sentinel_kwargs, with sentinel.conf.'
        : 'A failover takes a while; if it lasts, see the Sentinels’ logs.',
    })
  }
}
