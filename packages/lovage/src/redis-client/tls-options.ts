import { isIP } from 'node:net'
import type { ConnectionOptions } from 'node:tls'
import type { RedisTls } from './options.js'

/** How a server at a host is talked to in private. */
export function tlsOptions(tls: RedisTls, host: string): ConnectionOptions {
  const { ca, cert, key, verify = true, verifyHost = true } = tls
  return {
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
    ...servernameOf(host, tls),
    rejectUnauthorized: verify,
    ...(verifyHost ? {} : { checkServerIdentity: () => undefined }),
  }
}

/** TLS names no bare addresses. */
function servernameOf(host: string, { servername }: RedisTls): { readonly servername?: string } {
  if (servername !== undefined) return { servername }
  return isIP(host) === 0 ? { servername: host } : {}
}
