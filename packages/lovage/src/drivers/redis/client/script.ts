import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { basename } from 'node:path'
import { fileURLToPath } from 'node:url'
import { isLovageError } from '../../../kernel/index.js'
import type { Argument } from './redis-connection.js'
import type { RedisLink } from './redis-link.js'

/** A script's signature, as in its file: the names are those in the file's header, `…` marking the repeated one. */
export interface ScriptDefinition {
  readonly file: URL
  readonly keys: readonly string[]
  readonly args: readonly string[]
  /** Files of local functions that the script uses, prepended to it. */
  readonly uses?: readonly URL[]
}

/** An atomic step on the server. */
export class Script<Keys extends readonly string[], Args extends readonly Argument[], Reply> {
  readonly definition: ScriptDefinition
  readonly name: string
  readonly source: string
  readonly #sha: string
  /** How often it ran, over all connections of the process. */
  runs = 0

  constructor(definition: ScriptDefinition) {
    this.definition = definition
    this.name = basename(fileURLToPath(definition.file), '.lua')
    this.source = [...(definition.uses ?? []), definition.file]
      .map((file) => readFileSync(file, 'utf8'))
      .join('\n')
    this.#sha = createHash('sha1').update(this.source).digest('hex')
  }

  /**
   * Runs it. The first time over a connection it is sent as a whole, so that what is sent behind it is not executed before it. Only where
   * the server has forgotten it since (SCRIPT FLUSH, a slot that moved) it takes a second trip.
   */
  async run(connection: RedisLink, keys: Keys, args: Args): Promise<Reply> {
    return this.#run(connection, (name, words) => connection.send<Reply>(name, words), keys, args)
  }

  /** The same with bulk strings of the reply as bytes. */
  async runForBytes<BytesReply>(connection: RedisLink, keys: Keys, args: Args): Promise<BytesReply> {
    return this.#run(
      connection,
      (name, words) => connection.sendForBytes<BytesReply>(name, words),
      keys,
      args,
    )
  }

  async #run<R>(
    { sentScripts }: RedisLink,
    send: (name: string, words: Argument[]) => Promise<R>,
    keys: readonly string[],
    args: readonly Argument[],
  ): Promise<R> {
    this.runs++
    const words: Argument[] = [this.#sha, keys.length, ...keys, ...args]
    if (sentScripts.has(this.#sha))
      try {
        return await send('evalsha', words)
      } catch (error) {
        if (!isForgotten(error)) throw error
      }
    sentScripts.add(this.#sha)
    words[0] = this.source
    return await send('eval', words)
  }
}

const isForgotten = (error: unknown): boolean =>
  isLovageError(error) && error.cause instanceof Error && error.cause.message.startsWith('NOSCRIPT')

const scripts: Script<readonly string[], readonly Argument[], unknown>[] = []

/** Binds a Lua file; its keys, arguments and reply get their types here. */
export function defineScript<Keys extends readonly string[], Args extends readonly Argument[], Reply>(
  definition: ScriptDefinition,
): Script<Keys, Args, Reply> {
  const script = new Script<Keys, Args, Reply>(definition)
  // Only names and sources are read from the list.
  scripts.push(script as unknown as Script<readonly string[], readonly Argument[], unknown>)
  return script
}

/** Every script bound in this process. */
export const definedScripts = (): readonly {
  readonly name: string
  readonly definition: ScriptDefinition
}[] => scripts
