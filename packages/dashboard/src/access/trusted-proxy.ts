import { BlockList, isIP } from 'node:net'
import type { Context } from 'hono'
import { ConfigurationError } from 'lovage'

/** A proxy that signs users in, and names them in a header. */
export interface TrustedProxy {
  /** The name that the proxy vouches for; undefined when the request did not come from it, or names no one. */
  nameOf(c: Context): string | undefined
}

const LONGEST = 256

/**
 * Believes a header of requests that come from the given addresses, and of no others.
 * @param header `X-Forwarded-User`, `X-Auth-Request-Email`, `Remote-User`.
 * @param from Addresses and networks (`127.0.0.1`, `10.0.0.0/8`, `::1`), or `unix` for the dashboard's own socket.
 * @throws {ConfigurationError} LVG_CONFIG_INVALID without addresses, or for one that cannot be read.
 */
export function trustedProxy(header: string, from: readonly string[]): TrustedProxy {
  if (!/^[A-Za-z0-9-]+$/.test(header))
    throw wrong(`--proxy-user-header is no header’s name: ${JSON.stringify(header)}.`)
  if (from.length === 0)
    throw wrong(`--proxy-user-header needs --trusted-proxies: anyone could send ${header}.`)
  const networks = new BlockList()
  for (const one of from.filter((each) => each !== 'unix')) addTo(networks, one)
  const isTrusted = (address: string | undefined): boolean => {
    if (address === undefined) return from.includes('unix')
    const plain = address.replace(/^::ffff:(?=\d+\.)/i, '').replace(/%.*$/, '')
    const family = isIP(plain)
    return family !== 0 && networks.check(plain, family === 4 ? 'ipv4' : 'ipv6')
  }
  return {
    nameOf: (c) => {
      if (!isTrusted(addressOf(c))) return undefined
      const name = (c.req.header(header) ?? '').trim()
      // A header that was sent twice arrives joined by a comma: the proxy has then not replaced the client's own.
      // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what a name may not have.
      return name === '' || name.length > LONGEST || /[\u0000-\u001f\u007f,]/.test(name) ? undefined : name
    },
  }
}

function addTo(networks: BlockList, text: string): void {
  const [address = '', bits, ...rest] = text.split('/')
  const family = isIP(address)
  const most = family === 4 ? 32 : 128
  const length = bits === undefined ? most : Number(bits)
  if (
    family === 0 ||
    rest.length > 0 ||
    bits === '' ||
    !Number.isInteger(length) ||
    length < 0 ||
    length > most
  )
    throw wrong(`--trusted-proxies cannot be understood at ${JSON.stringify(text)}.`)
  networks.addSubnet(address, length, family === 4 ? 'ipv4' : 'ipv6')
}

/** The address that the connection came from; undefined for a Unix socket. */
function addressOf(c: Context): string | undefined {
  // The environment of Node's adapter: its own request, whose socket has the address.
  const env = c.env as
    | { readonly incoming?: { readonly socket?: { readonly remoteAddress?: string } } }
    | undefined
  return env?.incoming?.socket?.remoteAddress
}

const wrong = (message: string): ConfigurationError =>
  new ConfigurationError(message, {
    code: 'LVG_CONFIG_INVALID',
    hint: 'For instance: --proxy-user-header=X-Forwarded-User --trusted-proxies=127.0.0.1,10.0.0.0/8',
  })
