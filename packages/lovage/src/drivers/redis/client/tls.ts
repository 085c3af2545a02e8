import { isIP } from 'node:net'
import type { ConnectionOptions } from 'node:tls'
import type { TlsFiles } from '../../../process/index.js'

/** How a TLS connection is authenticated. */
export interface RedisTls extends TlsFiles {
  /** The name that the server's certificate must have. Default: the host. */
  readonly servername?: string
  /** False accepts any certificate. Default true. */
  readonly verify?: boolean
  /** False accepts a trusted certificate with another name. Default true. */
  readonly verifyHost?: boolean
}

/** Celery's names for certificates, in a URL's query and in settings. */
export const TLS_FILES = { ca: 'ssl_ca_certs', cert: 'ssl_certfile', key: 'ssl_keyfile' } as const

/** Maps Python's value: for a client, `optional` is the same as `required`. Undefined for an unknown value. */
export function demandsCertificate(requirement: string): boolean | undefined {
  if (/^((cert_)?none|0)$/i.test(requirement)) return false
  return /^((cert_)?(optional|required)|1|2)$/i.test(requirement) ? true : undefined
}

/** The TLS options for a server at a host. */
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

/** TLS does not allow bare addresses as server names. */
function servernameOf(host: string, { servername }: RedisTls): { readonly servername?: string } {
  if (servername !== undefined) return { servername }
  return isIP(host) === 0 ? { servername: host } : {}
}
