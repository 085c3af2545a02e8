import { ConfigurationError } from '../../../kernel/index.js'

/** The prefix of every key on a Cluster, unless the settings say otherwise. */
const PREFIX = '{lovage}:'

/**
 * The key prefix on a Cluster, with the hash tag that keeps all keys in one slot: scripts and transactions are limited to
 * one. Throws a ConfigurationError for a prefix without one.
 */
export function clusterPrefix(given: string | undefined): {
  readonly keyPrefix: string
  readonly tag: string
} {
  const keyPrefix = given ?? PREFIX
  const tag = /^[^{]*\{([^}]+)\}/.exec(keyPrefix)?.[1]
  if (tag !== undefined) return { keyPrefix, tag }
  throw new ConfigurationError(
    `The key prefix ${keyPrefix} has no hash tag, so a Cluster would scatter its keys`,
    {
      code: 'LVG_CONFIG_INVALID',
      details: { keyPrefix },
      hint: "Write it in braces, as in global_keyprefix: '{shop}:'.",
    },
  )
}
