import { ConnectionError, isLovageError, messageOf } from '../../../kernel/index.js'
import type { RedisTarget } from './options.js'

/** Builds one clear error for any failure between this process and a server; secrets never appear in it. */
export function connectionError(
  thrown: unknown,
  { location, tls }: Pick<RedisTarget, 'location' | 'tls'>,
  wasReady = false,
): ConnectionError {
  // A LovageError that arises here is a ConnectionError already.
  if (isLovageError(thrown)) return thrown as ConnectionError
  const said = messageOf(thrown)
  const [code, what, hint] = diagnose(said, codeOf(thrown), tls !== undefined, wasReady)
  const options = { code, details: { location }, cause: thrown }
  return new ConnectionError(`${what} (${location}): ${said}`, hint ? { ...options, hint } : options)
}

/** Whether the connection failed, as opposed to a command that the server refused. */
export function isConnectionLoss(error: unknown): boolean {
  return isLovageError(error) && error.code === 'LVG_CONNECTION_FAILED'
}

/** Whether the error comes from the server itself, which therefore did not execute the command. */
export const isServersWord = (error: unknown): boolean =>
  isLovageError(error) && error.cause instanceof Error && error.cause.name === 'ReplyError'

/** Whether a server did not execute a command because it does not, or does not now, own the keys. */
export const isElsewhere = (said: string): boolean =>
  /^(READONLY|UNBLOCKED|MOVED|ASK|TRYAGAIN|CLUSTERDOWN)\b/.test(said)

/** Whether the server refused a command because of its current state: it may be sent again later. */
export function isRefusedForNow(error: unknown): boolean {
  return (
    isLovageError(error) &&
    error.code === 'LVG_REDIS_REFUSED' &&
    /^(NOREPLICAS|OOM|MISCONF)/.test(messageOf(error.cause))
  )
}

type Diagnosis = readonly [
  code: 'LVG_CONNECTION_FAILED' | 'LVG_CONNECTION_REFUSED' | 'LVG_REDIS_REFUSED',
  what: string,
  hint?: string,
]

const REPLIES: readonly (readonly [pattern: RegExp, diagnosis: Diagnosis])[] = [
  [
    /^(WRONGPASS|ERR invalid password|ERR Client sent AUTH)/i,
    ['LVG_CONNECTION_REFUSED', 'Redis refused the user or password'],
  ],
  [/^NOAUTH/, ['LVG_CONNECTION_REFUSED', 'Redis requires a password', 'Put it into the URL: redis://:password@host.']],
  [/^NOPERM/, ['LVG_CONNECTION_REFUSED', 'Redis denied this user a command', 'See docs/operate/redis.md for the ACL rule.']],
  [/^ERR DB index/, ['LVG_CONNECTION_REFUSED', 'Redis has no such database', 'Lower the number in the URL, or raise `databases` in redis.conf.']],
  [/^OOM/, ['LVG_REDIS_REFUSED', 'Redis is out of memory', 'Raise `maxmemory`; workers keep draining the queues.']],
  [/^MISCONF/, ['LVG_REDIS_REFUSED', 'Redis cannot write to its disk', 'Free disk space on the server.']],
  [/^CLUSTERDOWN/, ['LVG_CONNECTION_FAILED', 'The Redis Cluster is down', 'A failover takes a while; if it lasts, see CLUSTER INFO.']],
  [/^(MOVED|ASK|TRYAGAIN)/, ['LVG_CONNECTION_FAILED', 'Another node of the Redis Cluster has the keys', 'Use redis+cluster://.']],
  [/^(READONLY|UNBLOCKED)/, ['LVG_CONNECTION_FAILED', 'This Redis is a replica', 'Connect to the primary.']],
  [/^NOREPLICAS/, ['LVG_REDIS_REFUSED', 'Redis has too few replicas', 'Bring one back, or lower `min-replicas-to-write`.']],
  [/^LOADING/, ['LVG_CONNECTION_FAILED', 'Redis is loading its data']],
] // biome-ignore format: one case a line

function diagnose(said: string, code: string, isTls: boolean, wasReady: boolean): Diagnosis {
  for (const [pattern, diagnosis] of REPLIES) if (pattern.test(said)) return diagnosis
  if (/^[A-Z]+ /.test(said) && code === 'ReplyError') return ['LVG_REDIS_REFUSED', 'Redis refused a command']
  if (/wrong version number|packet length too long|EPROTO/i.test(`${said} ${code}`))
    return ['LVG_CONNECTION_FAILED', 'The server does not speak TLS', 'Use redis://, or its TLS port.']
  // The server's own message, as opposed to this side's diagnosis.
  if (/\balert\b.*(certificate|unknown ca)/i.test(said))
    return [
      'LVG_CONNECTION_REFUSED',
      'The server does not accept this client’s certificate, or requires one',
      'Set one that its authority has signed: `cert` and `key`, or ssl_certfile and ssl_keyfile in the URL.',
    ]
  if (/certificate|self.signed|CERT_|altname/i.test(`${said} ${code}`))
    return [
      'LVG_CONNECTION_FAILED',
      'The server’s certificate is not trusted',
      'Set its certificate authority: `tls.ca`, or ssl_ca_certs in the URL.',
    ]
  if (wasReady) return ['LVG_CONNECTION_FAILED', 'The connection to Redis was lost']
  if (isTls && /ETIMEDOUT/.test(`${said} ${code}`))
    return [
      'LVG_CONNECTION_FAILED',
      'Redis does not answer',
      'If the server does not speak TLS: Use redis://, or its TLS port.',
    ]
  if (!isTls && /ECONNRESET|server ended it/.test(`${said} ${code}`))
    return [
      'LVG_CONNECTION_FAILED',
      'Redis cannot be reached',
      'If the server speaks TLS only: use rediss://.',
    ]
  return ['LVG_CONNECTION_FAILED', 'Redis cannot be reached']
}

function codeOf(thrown: unknown): string {
  if (!(thrown instanceof Error)) return ''
  // Node's system errors carry their code; the client library names the server's reply.
  const code = (thrown as { code?: unknown }).code
  return typeof code === 'string' ? code : thrown.name
}
