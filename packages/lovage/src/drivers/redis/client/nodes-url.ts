import { ConfigurationError, redactUrl } from '../../../kernel/index.js'
import type { ServerAddress } from './server-finder.js'

/** The leading part of a multi-part URL. */
export interface FirstPart extends ServerAddress {
  readonly protocol: string
  readonly dbText: string
}

/** Host and port of a parsed URL. */
export const addressIn = ({ hostname, port }: URL, defaultPort: number): ServerAddress => ({
  host: hostname === '' ? 'localhost' : decodeURIComponent(hostname.replace(/^\[|\]$/g, '')),
  port: port === '' ? defaultPort : Number(port),
})

/**
 * Reads the parts of `scheme://host:port/db;scheme://host2:port2/db` that follow the first, whose database, user and password apply to
 * all, as in Python. Throws a ConfigurationError, also for a part with other values: Python would silently ignore
 * them.
 */
export function readNodes(
  first: FirstPart,
  others: readonly string[],
  defaultPort: number,
): readonly ServerAddress[] {
  const { host, port, protocol, dbText } = first
  const invalid = (part: string, why: string): ConfigurationError =>
    new ConfigurationError(`${redactUrl(part)} ${why}`, {
      code: 'LVG_CONFIG_INVALID',
      hint: `Write it as ${protocol}//:password@host:${defaultPort}/0;${protocol}//host2:${defaultPort}/0.`,
    })
  const read = (part: string): ServerAddress => {
    const url = URL.canParse(part) ? new URL(part) : undefined
    if (url?.protocol !== protocol || url.hostname === '')
      throw invalid(part, `is not a ${protocol}// URL; parts are separated by semicolons`)
    const db = url.pathname.replace(/^\//, '')
    if (db !== '' && db !== dbText)
      throw invalid(
        part,
        `names the database ${db}, but the first part names ${dbText === '' ? 'none' : dbText}`,
      )
    return addressIn(url, defaultPort)
  }
  return [{ host, port }, ...others.filter((part) => part !== '').map(read)]
}

/** Equal for the same servers, in any order. */
export const nameOfNodes = (nodes: readonly ServerAddress[]): string =>
  nodes
    .map(({ host, port }) => `${host}:${port}`)
    .sort()
    .join(',')
