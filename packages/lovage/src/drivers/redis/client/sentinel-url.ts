import { ConfigurationError } from '../../../kernel/index.js'
import type { Credentials } from './asker.js'
import type { ServerAddress } from './server-finder.js'

export const SENTINEL_PORT = 26_379

/** Options that a `sentinel://` URL leaves to the transport options, under kombu's names. */
export interface SentinelOptions extends Credentials {
  /** The Sentinels' name for the primary (`master_name`). Default: the URL's parameter of that name. */
  readonly masterName?: string
  /** A Sentinel that sees fewer others is not believed (`min_other_sentinels`). Default 0. */
  readonly minOthers?: number
}

/** The Sentinels of one primary. */
export interface Sentinels extends Credentials {
  readonly masterName: string
  readonly minOthers: number
  readonly nodes: readonly ServerAddress[]
}

/** Combines the URL and the options. Throws a ConfigurationError. */
export function sentinelsOf(
  nodes: readonly ServerAddress[],
  query: URLSearchParams,
  options: SentinelOptions = {},
): Sentinels {
  const { masterName = query.get('master_name'), minOthers = 0, ...credentials } = options
  if (masterName === null)
    throw new ConfigurationError('A sentinel:// URL does not name its primary', {
      code: 'LVG_CONFIG_INVALID',
      hint: "Set brokerTransportOptions: { master_name: 'mymaster' }, and the same in resultBackendTransportOptions.",
    })
  return { ...credentials, masterName, minOthers, nodes }
}
