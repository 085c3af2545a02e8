import { ConfigurationError } from '../../../kernel/index.js'

/** Where an app's keys are on a Cluster: all in one slot, or those of each queue in a slot of their own. */
const CLUSTER_LAYOUTS = ['one-slot', 'slot-per-queue'] as const
export type ClusterLayout = (typeof CLUSTER_LAYOUTS)[number]

/** Reads the name of a layout; undefined for none. Throws a ConfigurationError that says `where` it was. */
export function readLayout(given: unknown, where: string): ClusterLayout | undefined {
  if (given === undefined || given === null) return undefined
  const layout = CLUSTER_LAYOUTS.find((one) => one === given)
  if (layout !== undefined) return layout
  throw new ConfigurationError(`${where} is unknown: ${String(given)}`, {
    code: 'LVG_CONFIG_INVALID',
    hint: `Valid values are ${CLUSTER_LAYOUTS.map((one) => `'${one}'`).join(' and ')}.`,
  })
}

/** The prefixes of keys on a Cluster. */
export interface ClusterPrefix {
  /** Of the keys that share one slot: all, or those of no queue. */
  readonly keyPrefix: string
  readonly tag: string
  /** Begins the hash tag of each queue; undefined when all keys share a slot. */
  readonly queuePrefix?: string
}

/**
 * The key prefix on a Cluster. In one slot it has the hash tag that keeps all keys there, because scripts and transactions are limited to
 * one slot; with a slot per queue the tags are made from it and the queues' names. Throws a ConfigurationError for a prefix that does
 * not do that.
 */
export function clusterPrefix(given: string | undefined, layout: ClusterLayout = 'one-slot'): ClusterPrefix {
  if (layout === 'slot-per-queue') {
    const queuePrefix = given ?? 'lovage:'
    // The empty name is no queue's.
    if (/^[^{}]+$/.test(queuePrefix)) return { keyPrefix: `{${queuePrefix}}:`, tag: queuePrefix, queuePrefix }
    throw new ConfigurationError(
      queuePrefix === ''
        ? 'With a slot per queue, the key prefix must not be empty'
        : `The key prefix ${queuePrefix} has a hash tag, which would put all queues into one slot`,
      {
        code: 'LVG_CONFIG_INVALID',
        details: { keyPrefix: queuePrefix },
        hint: "Write it without braces, as in global_keyprefix: 'shop:', or leave cluster: 'one-slot'.",
      },
    )
  }
  const keyPrefix = given ?? '{lovage}:'
  const tag = /^[^{]*\{([^}]+)\}/.exec(keyPrefix)?.[1]
  if (tag !== undefined) return { keyPrefix, tag }
  throw new ConfigurationError(
    `The key prefix ${keyPrefix} has no hash tag, so a Cluster would scatter its keys`,
    {
      code: 'LVG_CONFIG_INVALID',
      details: { keyPrefix },
      hint: "Write it in braces, as in global_keyprefix: '{shop}:', or set cluster: 'slot-per-queue'.",
    },
  )
}
