import { readFileSync } from 'node:fs'
import { ConfigurationError } from '../kernel/index.js'

/** The server's CA and the client's identity, as PEM texts. */
export interface TlsFiles {
  /** The CA that signed the server's certificate. */
  readonly ca?: string
  /** This client's certificate and key. */
  readonly cert?: string
  readonly key?: string
}

const FIELDS = ['ca', 'cert', 'key'] as const

/**
 * Reads PEM texts given as text or as file paths: in options, or else in URL parameters, where each file has one or several names.
 * @throws {ConfigurationError} for an unreadable file, and for a certificate without its key or a key without its certificate, which a
 * server would only refuse.
 */
export function readTlsFiles(
  given: TlsFiles | undefined,
  query: URLSearchParams,
  names: Readonly<Record<keyof TlsFiles, string | readonly string[]>>,
): TlsFiles {
  const files: { -readonly [Field in keyof TlsFiles]: TlsFiles[Field] } = {}
  for (const field of FIELDS) {
    const known = [names[field]].flat()
    const value = given?.[field] ?? known.map((name) => query.get(name)).find((one) => one !== null)
    if (value !== null && value !== undefined) files[field] = readPem(value)
  }
  if ((files.cert === undefined) !== (files.key === undefined)) {
    const [there, missing] = files.cert === undefined ? ['key', 'cert'] : ['cert', 'key']
    throw new ConfigurationError(`TLS has a client ${there} without its ${missing}`, {
      code: 'LVG_CONFIG_INVALID',
      hint: `Give both: \`cert\` and \`key\`, or ${[names.cert].flat()[0]} and ${[names.key].flat()[0]} in the URL; they may be one file.`,
    })
  }
  return files
}

function readPem(textOrPath: string): string {
  if (textOrPath.includes('-----BEGIN')) return textOrPath
  try {
    return readFileSync(textOrPath, 'utf8')
  } catch (cause) {
    throw new ConfigurationError(`The certificate file ${textOrPath} cannot be read`, {
      code: 'LVG_CONFIG_INVALID',
      details: { path: textOrPath },
      cause,
    })
  }
}
