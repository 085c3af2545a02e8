import { connect as connectTcp, Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { AbstractConnector, type RedisOptions as ClientOptions, Redis } from 'ioredis'
import { ConnectionError, messageOf } from '../kernel/index.js'
import type { RedisTarget } from './options.js'
import type { SentinelNode, Sentinels } from './sentinel-url.js'
import { tlsOptions } from './tls.js'

/** A Sentinel answers at once or is passed over. */
const ANSWER_MS = 1_000
const DISCONNECT_MS = 2_000

type Tell = Parameters<AbstractConnector['connect']>[0]

/** What a Sentinel says: where the primary is, or why it cannot tell. */
type Answer =
  | { readonly primary: SentinelNode; readonly isDoubted: boolean }
  | { readonly problem: string; readonly isRefusal: boolean }

/**
 * Leads connections to whatever is the primary now: each attempt asks the Sentinels, the one that answered last before the
 * others.
 *
 * The client library has a connector for this, which ends a connection for good when no Sentinel leads on. Here such an
 * attempt is one that failed, like that of a server that is away, and the next one comes after a pause.
 */
export function sentinelConnector(
  target: RedisTarget,
  sentinels: Sentinels,
): NonNullable<ClientOptions['Connector']> {
  return class extends AbstractConnector {
    #nodes = sentinels.nodes
    #asked: Redis | undefined
    #tell: Tell = () => {}

    constructor() {
      super(DISCONNECT_MS)
    }

    override async connect(tell: Tell): Promise<Socket> {
      this.connecting = true
      this.#tell = tell
      const onError = (error: Error): void => {
        this.firstError = error
      }
      let socket: Socket
      try {
        const { host, port } = await this.#findPrimary()
        const { tls } = target
        socket = tls ? connectTls({ host, port, ...tlsOptions(tls, host) }) : connectTcp({ host, port })
        socket.once('error', onError)
      } catch (error) {
        // A failure of what stands above is a ConnectionError.
        onError(error as Error)
        socket = new Socket().destroy()
      }
      this.stream = socket
      return socket
    }

    override disconnect(): void {
      this.connecting = false
      this.#asked?.disconnect()
      // What is destroyed already never says so again.
      if (this.stream && !this.stream.destroyed) super.disconnect()
    }

    /** Sentinels learn late: what they call the primary may have become a replica. */
    override check({ role }: { readonly role?: string }): boolean {
      if (role === undefined || role === 'master') return true
      this.#tell('error', noPrimary('what its Sentinels call the primary is a replica', false))
      return false
    }

    async #findPrimary(): Promise<SentinelNode> {
      const problems: string[] = []
      let doubted: SentinelNode | undefined
      let isRefused = true
      for (const node of this.#nodes) {
        if (!this.connecting) break
        const answer = await this.#ask(node)
        if ('problem' in answer) {
          problems.push(`${node.host}:${node.port}: ${answer.problem}`)
          isRefused &&= answer.isRefusal
          continue
        }
        doubted ??= answer.primary
        if (answer.isDoubted) continue
        this.#nodes = [node, ...sentinels.nodes.filter((one) => one !== node)]
        return answer.primary
      }
      // Some do not reach it, and have not agreed that it is down: it may be only they.
      if (doubted) return doubted
      throw noPrimary(problems.join('; '), isRefused)
    }

    async #ask({ host, port }: SentinelNode): Promise<Answer> {
      const { username, password, tls, masterName } = sentinels
      const client = new Redis({
        host,
        port,
        ...(username === undefined ? {} : { username }),
        ...(password === undefined ? {} : { password }),
        ...(tls === undefined ? {} : { tls: tlsOptions(tls, host) }),
        lazyConnect: true,
        protocol: 2,
        replyMapping: 'legacy',
        disableClientInfo: true,
        enableReadyCheck: false,
        connectionName: 'lovage:sentinel',
        connectTimeout: ANSWER_MS,
        commandTimeout: ANSWER_MS,
        retryStrategy: () => null,
      })
      this.#asked = client
      let failure: unknown
      client.on('error', (error: unknown) => {
        failure = error
      })
      try {
        // Sentinels reply with names and values in turn.
        return read((await client.call('SENTINEL', 'MASTER', masterName)) as readonly string[])
      } catch (error) {
        const problem = messageOf(failure ?? error)
        return { problem, isRefusal: /^(ERR No such master|NOAUTH|WRONGPASS|NOPERM)/i.test(problem) }
      } finally {
        client.disconnect()
        this.#asked = undefined
      }
    }
  }

  function read(reply: readonly string[]): Answer {
    const fields = new Map(reply.flatMap((name, at) => (at % 2 === 0 ? [[name, reply[at + 1] ?? '']] : [])))
    const flags = fields.get('flags') ?? ''
    const others = Number(fields.get('num-other-sentinels') ?? 0)
    const [host, port] = [fields.get('ip') ?? '', Number(fields.get('port'))]
    const problem =
      /\bo_down\b/.test(flags) ? 'the primary is down'
      : !/\bmaster\b/.test(flags) || host === '' || !(port > 0) ? 'it knows no primary of this name'
      : others < sentinels.minOthers ? `it sees ${others} other Sentinels, and ${sentinels.minOthers} are asked for`
      : undefined // biome-ignore format: one case a line
    if (problem !== undefined) return { problem, isRefusal: false }
    return { primary: { host, port }, isDoubted: /\bs_down\b/.test(flags) }
  }

  function noPrimary(why: string, isRefusal: boolean): ConnectionError {
    return new ConnectionError(`No Sentinel leads to ${sentinels.masterName} (${target.location}): ${why}`, {
      code: isRefusal ? 'LVG_CONNECTION_REFUSED' : 'LVG_CONNECTION_FAILED',
      details: { location: target.location, masterName: sentinels.masterName },
      hint: isRefusal
        ? 'Compare master_name, and the password in sentinel_kwargs, with sentinel.conf.'
        : 'A failover takes a while; if it lasts, see what the Sentinels’ logs say.',
    })
  }
}
