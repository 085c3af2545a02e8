import { ConnectionError, type ErrorCode, isLovageError, messageOf } from '../../../kernel/index.js'
import type { AmqpTarget } from './options.js'

type Diagnosis = readonly [code: ErrorCode, what: string, hint?: string]

/** Messages of the server and the system, in the order of matching; the first match applies. */
const SAYINGS: readonly (readonly [said: RegExp, diagnosis: Diagnosis])[] = [
  [/ACCESS_REFUSED.*(login|authentication)|403.*login/i, ['LVG_CONNECTION_REFUSED', 'RabbitMQ refused the user or password']],
  // The library withholds the server's reason for a failed open, which concerns the virtual host.
  [/Expected ConnectionOpenOk|vhost .*not found|no access to vhost|access to vhost.*refused|NOT_ALLOWED.*vhost/i, ['LVG_CONNECTION_REFUSED', 'RabbitMQ has no such virtual host, or this user may not use it', 'rabbitmqctl add_vhost, rabbitmqctl set_permissions -p.']],
  [/mechanism/i, ['LVG_CONNECTION_REFUSED', 'RabbitMQ does not offer this login mechanism', 'For EXTERNAL the plugin rabbitmq_auth_mechanism_ssl is needed.']],
  [/ACCESS_REFUSED/i, ['LVG_CONNECTION_REFUSED', 'RabbitMQ denied this user an operation', 'rabbitmqctl set_permissions: configure, write and read, on the queues and exchanges named in docs/operate/rabbitmq.md.']],
  [/wrong version number|packet length too long|EPROTO/i, ['LVG_CONNECTION_FAILED', 'The server does not speak TLS', 'Use amqp://, or its TLS port (5671).']],
  [/certificate required|bad certificate|alert unknown ca/i, ['LVG_CONNECTION_REFUSED', 'RabbitMQ requires a client certificate that it trusts', 'Set certfile and keyfile in the URL.']],
  [/certificate|self.signed|CERT_|altname/i, ['LVG_CONNECTION_FAILED', 'The server’s certificate is not trusted', 'Set its certificate authority: cacertfile in the URL.']],
  [/PRECONDITION_FAILED/i, ['LVG_RABBITMQ_REFUSED', 'RabbitMQ refused an operation']],
  [/NOT_FOUND/i, ['LVG_RABBITMQ_REFUSED', 'RabbitMQ has no such queue or exchange']],
  [/RESOURCE_LOCKED/i, ['LVG_RABBITMQ_REFUSED', 'Another connection uses this queue exclusively']],
  [/NOT_IMPLEMENTED|COMMAND_INVALID|NOT_ALLOWED|SYNTAX_ERROR/i, ['LVG_RABBITMQ_REFUSED', 'RabbitMQ refused an operation']],
  [/message nacked/i, ['LVG_RABBITMQ_REFUSED', 'RabbitMQ did not accept a message', 'The queue is full and rejects new messages (x-overflow), or has lost its leader.']],
] // biome-ignore format: one case a line

/** Builds one clear error for any failure between this process and a server; secrets never appear in it. */
export function amqpError(
  thrown: unknown,
  { location, tls }: Pick<AmqpTarget, 'location' | 'tls'>,
  wasReady = false,
): ConnectionError {
  // A LovageError that arises here is a ConnectionError already.
  if (isLovageError(thrown)) return thrown as ConnectionError
  const said = (messageOf(thrown) || codeOf(thrown)).replace(/\s*\n\s*/g, ' ').trim()
  const [code, what, hint] = diagnose(`${said} ${codeOf(thrown)}`, tls !== undefined, wasReady)
  const replyCode = replyCodeOf(thrown)
  const options = { code, details: { location, replyCode }, cause: thrown }
  return new ConnectionError(`${what} (${location}): ${said}`, hint ? { ...options, hint } : options)
}

/** Whether the connection, or the channel, is gone, as opposed to an operation that the server refused. */
export function isConnectionLoss(error: unknown): boolean {
  return isLovageError(error) && error.code === 'LVG_CONNECTION_FAILED'
}

/** The server's reply code for a refusal (404 not found, 406 other arguments), if the error has one. */
export function refusalOf(error: unknown): number | undefined {
  const code = isLovageError(error) ? error.details.replyCode : replyCodeOf(error)
  return typeof code === 'number' ? code : undefined
}

function diagnose(said: string, isTls: boolean, wasReady: boolean): Diagnosis {
  for (const [pattern, diagnosis] of SAYINGS) if (pattern.test(said)) return diagnosis
  if (wasReady) return ['LVG_CONNECTION_FAILED', 'The connection to RabbitMQ was lost']
  if (!isTls && /socket closed|ECONNRESET|Unexpected close|hang up/i.test(said))
    return [
      'LVG_CONNECTION_FAILED',
      'RabbitMQ closed the connection before it was open',
      'If this port speaks TLS: use amqps://.',
    ]
  return ['LVG_CONNECTION_FAILED', 'RabbitMQ cannot be reached']
}

function replyCodeOf(thrown: unknown): number | null {
  if (!(thrown instanceof Error)) return null
  // The client library puts the server's reply code there.
  const { code } = thrown as { code?: unknown }
  if (typeof code === 'number') return code
  const [, digits] = /\b([345]\d\d) \(/.exec(thrown.message) ?? []
  return digits === undefined ? null : Number(digits)
}

function codeOf(thrown: unknown): string {
  if (thrown instanceof AggregateError) return codeOf(thrown.errors[0])
  if (!(thrown instanceof Error)) return ''
  // Node's system errors carry their code there.
  const { code } = thrown as { code?: unknown }
  return typeof code === 'string' ? code : ''
}
