import { Redis } from 'ioredis'
import { messageOf } from '../../../kernel/index.js'
import type { ServerAddress } from './server-finder.js'
import { type RedisTls, tlsOptions } from './tls.js'

/** A server that does not answer in time is passed over. */
const ANSWER_MS = 1_000

/** The credentials for asking servers. */
export interface Credentials {
  readonly username?: string
  readonly password?: string
  readonly tls?: RedisTls
}

/** A server's answer, or why it was of no use; a refusal is not an outage. */
export type Answer<Value> =
  | { readonly value: Value }
  | { readonly problem: string; readonly isRefusal: boolean }

/** Asks servers for the location of others, one after the other, over connections that last for one question. */
export class Asker {
  readonly #credentials: Credentials
  #client: Redis | undefined
  #isCancelled = false

  constructor(credentials: Credentials) {
    this.#credentials = credentials
  }

  /**
   * The first value that any of them has, and the server that gave it.
   * @returns the answer of each server instead, when none has one; it is a refusal when all of them refused.
   */
  async firstOf<Node extends ServerAddress, Value>(
    nodes: readonly Node[],
    question: (
      ask: (...words: readonly [string, ...string[]]) => Promise<unknown>,
      node: Node,
    ) => Promise<Answer<Value>>,
  ): Promise<Answer<Value> & { readonly node?: Node }> {
    this.#isCancelled = false
    const problems: string[] = []
    let isRefusal = true
    for (const node of nodes) {
      const answer = await this.#ask(node, question)
      if ('value' in answer) return { ...answer, node }
      problems.push(`${node.host}:${node.port}: ${answer.problem}`)
      isRefusal &&= answer.isRefusal
      if (this.#isCancelled) break
    }
    return { problem: problems.join('; '), isRefusal }
  }

  cancel(): void {
    this.#isCancelled = true
    this.#client?.disconnect()
  }

  async #ask<Node extends ServerAddress, Value>(
    node: Node,
    question: (
      ask: (...words: readonly [string, ...string[]]) => Promise<unknown>,
      node: Node,
    ) => Promise<Answer<Value>>,
  ): Promise<Answer<Value>> {
    const { username, password, tls } = this.#credentials
    const client = new Redis({
      host: node.host,
      port: node.port,
      ...(username === undefined ? {} : { username }),
      ...(password === undefined ? {} : { password }),
      ...(tls === undefined ? {} : { tls: tlsOptions(tls, node.host) }),
      lazyConnect: true,
      protocol: 2,
      replyMapping: 'legacy',
      disableClientInfo: true,
      enableReadyCheck: false,
      connectionName: 'lovage:finder',
      connectTimeout: ANSWER_MS,
      commandTimeout: ANSWER_MS,
      retryStrategy: () => null,
    })
    this.#client = client
    let failure: unknown
    client.on('error', (error: unknown) => {
      failure = error
    })
    try {
      return await question((...words) => client.call(...words), node)
    } catch (error) {
      const problem = messageOf(failure ?? error)
      return { problem, isRefusal: /^(ERR|NOAUTH|WRONGPASS|NOPERM)\b/.test(problem) }
    } finally {
      client.disconnect()
      this.#client = undefined
    }
  }
}
