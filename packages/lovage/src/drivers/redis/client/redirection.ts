import { isLovageError, messageOf } from '../../../kernel/index.js'
import type { ServerAddress } from './server-finder.js'

/** Why a node of a Cluster did not execute a command. */
export type Redirection =
  /** Another node owns the slot, or, while the slot is being moved, may have these keys. */
  | { readonly kind: 'moved' | 'ask'; readonly to: ServerAddress }
  /** Some of the keys are still at the other node. */
  | { readonly kind: 'later' }
  /** Nobody serves the slot now. */
  | { readonly kind: 'unserved' }

/** Reads the redirection in an error; undefined for any other error. `asked` is the host that sent it. */
export function redirectionOf(error: unknown, asked: string): Redirection | undefined {
  if (!isLovageError(error) || !(error.cause instanceof Error) || error.cause.name !== 'ReplyError')
    return undefined
  const said = messageOf(error.cause)
  if (said.startsWith('TRYAGAIN')) return { kind: 'later' }
  if (said.startsWith('CLUSTERDOWN')) return { kind: 'unserved' }
  const [, word, host, port] = /^(MOVED|ASK) \d+ (.*):(\d+)$/.exec(said) ?? []
  if (word === undefined || host === undefined) return undefined
  // A node that does not know its own address leaves it out.
  const to = { host: host === '' || host === '?' ? asked : host, port: Number(port) }
  return { kind: word === 'MOVED' ? 'moved' : 'ask', to }
}
