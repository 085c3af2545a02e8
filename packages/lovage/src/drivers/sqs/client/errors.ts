import {
  ConnectionError,
  type ErrorCode,
  isLovageError,
  type LovageError,
  MessageError,
  messageOf,
} from '../../../kernel/index.js'
import type { SqsOptions } from './options.js'

type Diagnosis = readonly [code: ErrorCode, what: string, hint?: string]

/** By the error's name, as Amazon writes it; the first match applies. */
const NAMES: readonly (readonly [name: RegExp, diagnosis: Diagnosis])[] = [
  [/^(CredentialsProviderError|ProviderError|TokenProviderError)$/, ['LVG_CONNECTION_REFUSED', 'No AWS credentials were found', 'Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, AWS_PROFILE, or give the machine a role; or write them into the URL: sqs://key:secret@.']],
  // Held and retried as an outage is: roles and profiles are renewed while workers run.
  [/Expired(Token)?|TokenRefreshRequired/, ['LVG_CONNECTION_FAILED', 'The AWS credentials have expired', 'Renew them: workers go on by themselves where the SDK reloads them (profile, role), and else after a restart.']],
  [/^(InvalidClientTokenId|UnrecognizedClientException|SignatureDoesNotMatch|InvalidSignatureException|IncompleteSignature\w*|MissingAuthenticationToken\w*|InvalidSecurity|AuthFailure|OptInRequired)$/, ['LVG_CONNECTION_REFUSED', 'AWS refused the credentials']],
  [/^(AccessDenied\w*|KmsAccessDenied|NotAuthorized)$/, ['LVG_CONNECTION_REFUSED', 'AWS denied a permission', 'docs/operate/sqs.md lists the permissions of producers and workers.']],
  [/QueueDoesNotExist|NonExistentQueue/, ['LVG_SQS_REFUSED', 'SQS has no such queue', 'Check its name, queue_name_prefix and the region.']],
  [/QueueDeletedRecently/, ['LVG_CONNECTION_FAILED', 'SQS makes a queue of this name only a minute after the last one was deleted']],
  [/Throttl|RequestLimitExceeded|OverLimit|TooManyRequests|SlowDown/, ['LVG_CONNECTION_FAILED', 'SQS is limiting requests']],
] // biome-ignore format: one case a line

const TOO_LARGE = /must be shorter than|cannot be longer than|message is too long/i

/** The one clear error for a failure of SQS; secrets never appear in it. */
export function sqsError(
  thrown: unknown,
  { location, region }: Pick<SqsOptions, 'location' | 'region'>,
  about?: string,
): LovageError {
  if (isLovageError(thrown)) return thrown
  const said = messageOf(thrown)
  const where = about === undefined ? location : `${location}, ${about}`
  if (TOO_LARGE.test(said)) return tooLarge(said)
  const [code, what, hint] = diagnose(thrown, said, region)
  return new ConnectionError(`${what} (${where}): ${said}`, {
    code,
    ...(hint === undefined ? {} : { hint }),
    details: { location, name: nameOf(thrown) },
    cause: thrown,
  })
}

/** The error for a message beyond the limit of its queue. */
export const tooLarge = (said: string): MessageError =>
  new MessageError(`SQS: the message is too large: ${said}`, {
    code: 'LVG_MESSAGE_TOO_LARGE',
    hint: 'Set largePayloadUrl (docs/guides/large-payloads.md), or raise the queue’s MaximumMessageSize, which is at most 1 MiB.',
  })

/** Whether the server could not be reached, as opposed to a refusal. */
export const isSqsOutage = (error: unknown): boolean =>
  isLovageError(error) && error.code === 'LVG_CONNECTION_FAILED'

function diagnose(thrown: unknown, said: string, region: string | undefined): Diagnosis {
  const name = nameOf(thrown)
  for (const [pattern, diagnosis] of NAMES) if (pattern.test(name)) return diagnosis
  if (/region is missing/i.test(said))
    return [
      'LVG_CONFIG_INVALID',
      'The AWS region is not set',
      'Set AWS_REGION, or brokerTransportOptions: { region }.',
    ]
  if (/ENOTFOUND/.test(`${codeOf(thrown)} ${said}`))
    return [
      'LVG_CONNECTION_FAILED',
      `SQS has no server in the region ${region ?? 'of the environment'}, or DNS is away`,
    ]
  // The SDK sets it on every answer of the server; without one, the network failed.
  const status = statusOf(thrown)
  if (status === undefined || status >= 500) return ['LVG_CONNECTION_FAILED', 'SQS cannot be reached']
  return ['LVG_SQS_REFUSED', 'SQS refused a request']
}

const nameOf = (thrown: unknown): string => (thrown instanceof Error ? thrown.name : '')

const codeOf = (thrown: unknown): string =>
  thrown instanceof Error && 'code' in thrown ? String(thrown.code) : ''

function statusOf(thrown: unknown): number | undefined {
  const metadata = thrown instanceof Error && '$metadata' in thrown ? thrown.$metadata : undefined
  const status =
    typeof metadata === 'object' && metadata !== null && 'httpStatusCode' in metadata
      ? metadata.httpStatusCode
      : undefined
  return typeof status === 'number' ? status : undefined
}
