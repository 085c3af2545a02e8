import { ConnectionError, type ErrorCode, isLovageError, messageOf } from '../../../kernel/index.js'
import type { PostgresTarget } from './options.js'

type Diagnosis = readonly [code: ErrorCode, what: string, hint?: string]

const CERTIFICATE: Diagnosis = [
  'LVG_CONNECTION_REFUSED',
  'PostgreSQL does not accept this client’s certificate, or requires one',
  'Set one that its authority has signed for this user: sslcert and sslkey in the URL.',
]
const TLS_ON = 'Add ?sslmode=require to the URL, or allow plain connections in pg_hba.conf.'

/** By SQLSTATE, or its class; the first match applies. */
const STATES: readonly (readonly [state: RegExp, said: RegExp, diagnosis: Diagnosis])[] = [
  [/^28000$/, /no encryption|SSL off/i, ['LVG_CONNECTION_REFUSED', 'PostgreSQL accepts this user over TLS only', TLS_ON]],
  [/^28000$/, /client certificate/i, CERTIFICATE],
  [/^28000$/, /pg_hba/i, ['LVG_CONNECTION_REFUSED', 'PostgreSQL does not accept this user from this host', 'Add a line to pg_hba.conf.']],
  [/^28/, /./, ['LVG_CONNECTION_REFUSED', 'PostgreSQL refused the user or password']],
  [/^3D000$/, /./, ['LVG_DATABASE_MISSING', 'PostgreSQL has no such database']],
  [/^42501$/, /./, ['LVG_CONNECTION_REFUSED', 'PostgreSQL denied this user a statement', 'See docs/operate/postgresql.md for the permissions it needs; `lovage db migrate`, run as the owner, creates the tables.']],
  [/^53300$/, /./, ['LVG_CONNECTION_FAILED', 'PostgreSQL has no free connections', 'Raise max_connections, or lower poolSize.']],
  [/^53100$/, /./, ['LVG_STORE_FULL', 'The disk of PostgreSQL is full']],
  [/^(25006|57P0[34])$/, /standby|read-only/i, ['LVG_POSTGRES_REFUSED', 'This PostgreSQL is a standby', 'Connect to the primary.']],
  [/^57P03$/, /./, ['LVG_CONNECTION_FAILED', 'PostgreSQL is starting or stopping']],
  [/^(08|57P|25P03)/, /./, ['LVG_CONNECTION_FAILED', 'The connection to PostgreSQL was lost']],
] // biome-ignore format: one case a line

/** Builds one clear error for any failure between this process and a server; secrets never appear in it. */
export function postgresError(
  thrown: unknown,
  { location, tls }: Pick<PostgresTarget, 'location' | 'tls'>,
  sent = false,
): ConnectionError {
  // A LovageError that arises here is a ConnectionError already.
  if (isLovageError(thrown)) return thrown as ConnectionError
  const said = messageOf(thrown) || codeOf(thrown)
  const [code, what, hint] = diagnose(said, codeOf(thrown), tls !== undefined)
  const options = { code, details: { location, sqlState: sqlStateOf(thrown) ?? null, sent }, cause: thrown }
  return new ConnectionError(`${what} (${location}): ${said}`, hint ? { ...options, hint } : options)
}

/** Whether the connection failed, as opposed to a statement that the server refused. */
export function isConnectionLoss(error: unknown): boolean {
  return isLovageError(error) && error.code === 'LVG_CONNECTION_FAILED'
}

/** Whether a statement had been sent when its connection failed: it may have been executed. */
export const wasSent = (error: unknown): boolean => isLovageError(error) && error.details.sent === true

/** PostgreSQL's own code of an error, five letters or digits, from the client library's error or from our wrapper. */
export function sqlStateOf(error: unknown): string | undefined {
  if (isLovageError(error)) {
    const state = error.details.sqlState
    return typeof state === 'string' ? state : undefined
  }
  const code = codeOf(error)
  return /^[0-9A-Z]{5}$/.test(code) && code !== 'EPIPE' ? code : undefined
}

function diagnose(said: string, code: string, isTls: boolean): Diagnosis {
  for (const [state, words, diagnosis] of STATES) if (state.test(code) && words.test(said)) return diagnosis
  if (/^[0-9A-Z]{5}$/.test(code) && code !== 'EPIPE')
    return ['LVG_POSTGRES_REFUSED', 'PostgreSQL refused a statement']
  if (/client password must be/i.test(said))
    return [
      'LVG_CONNECTION_REFUSED',
      'PostgreSQL requires a password',
      'Put it into the URL, or into PGPASSWORD.',
    ]
  if (/does not support SSL/i.test(said))
    return [
      'LVG_CONNECTION_FAILED',
      'The server does not speak TLS',
      'Remove sslmode, or turn `ssl` on in postgresql.conf.',
    ]
  // The server's own message, as opposed to this side's diagnosis.
  if (/\balert\b.*(certificate|unknown ca)/i.test(said)) return CERTIFICATE
  if (isTls && /certificate|self.signed|CERT_|altname/i.test(`${said} ${code}`))
    return [
      'LVG_CONNECTION_FAILED',
      'The server’s certificate is not trusted',
      'Set its certificate authority: sslrootcert in the URL.',
    ]
  if (/timeout exceeded when trying to connect/.test(said))
    return [
      'LVG_CONNECTION_FAILED',
      'No connection to PostgreSQL became free in time',
      'Raise poolSize, or look for long transactions.',
    ]
  if (/read timeout/i.test(said)) return ['LVG_CONNECTION_FAILED', 'PostgreSQL did not answer in time']
  if (
    /terminated|ended by|ECONNRESET|EPIPE|not queryable|was closed/i.test(`${said} ${code}`) &&
    !/timeout/.test(said)
  )
    return ['LVG_CONNECTION_FAILED', 'The connection to PostgreSQL was lost']
  return ['LVG_CONNECTION_FAILED', 'PostgreSQL cannot be reached']
}

function codeOf(thrown: unknown): string {
  if (thrown instanceof AggregateError) return codeOf(thrown.errors[0])
  if (!(thrown instanceof Error)) return ''
  // Node's system errors and the server's replies carry their code there.
  const { code } = thrown as { code?: unknown }
  return typeof code === 'string' ? code : ''
}
