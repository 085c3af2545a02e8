import { ConfigurationError, redactUrl } from '../../../kernel/index.js'
import { type AccessKey, accessKeyOf } from '../../shared/index.js'

type Settings = Readonly<Record<string, unknown>>

/** How to reach SQS, and how its queues are named and made. */
export interface SqsOptions {
  readonly region?: string
  /** Another server than Amazon's: a VPC endpoint, or an emulator. */
  readonly endpoint?: string
  /** Default: the SDK's own chain of environment, profile, web identity, container and instance. */
  readonly credentials?: AccessKey
  readonly prefix: string
  /** Queues that exist; if given, no other is used, and none is made. */
  readonly predefined?: ReadonlyMap<string, string>
  readonly creation: Readonly<Record<string, string>>
  readonly tags: Readonly<Record<string, string>>
  /** How long one request waits for messages, at most 20 seconds. */
  readonly waitS: number
  /** Whether bodies are base64, as kombu writes them by default. */
  readonly isBase64: boolean
  /** Without secrets. */
  readonly location: string
}

/** The longest that SQS lets a request wait. */
const LONGEST_WAIT_S = 20
/** kombu's default, for queues that are made here; ours are claimed with the lease. */
const VISIBILITY_S = 1800

/**
 * Reads `sqs://`, `sqs://key:secret@`, `sqs://key:secret@host:port` and kombu's transport options `region`, `is_secure`,
 * `queue_name_prefix`, `predefined_queues`, `visibility_timeout`, `wait_time_seconds`, `sqs_base64_encoding`,
 * `sqs-creation-attributes` and `queue_tags`.
 *
 * @throws {ConfigurationError} LVG_CONFIG_INVALID
 */
export function sqsOptionsOf(url: string, settings: Settings): SqsOptions {
  const given = fields(settings.brokerTransportOptions)
  const option = (snake: string): unknown => given[snake] ?? given[camel(snake)]
  // A secret may hold `/` and `+`, which kombu asks to be escaped, and an endpoint has none of them.
  const [, userinfo, authority = '', query = ''] =
    /^sqs:\/\/(?:(.*)@)?([^/?@]*)\/*(?:\?(.*))?$/i.exec(url) ?? []
  if (
    !/^sqs:\/\//i.test(url) ||
    (authority === '' && /^sqs:\/\/[^?]*[^/?@]/i.test(url) && userinfo === undefined)
  )
    throw invalid(`${redactUrl(url)} is not an sqs:// URL`)
  const parameters = new URLSearchParams(query)
  const region = text('region', parameters.get('region') ?? option('region'))
  const endpoint =
    authority === '' ? undefined : `${option('is_secure') === true ? 'https' : 'http'}://${authority}`
  const credentials = accessKeyOf(userinfo)
  const predefined = queuesOf(option('predefined_queues'))
  const visibilityS = whole('visibility_timeout', option('visibility_timeout'), VISIBILITY_S, 43_200)
  return {
    ...(region === undefined ? {} : { region }),
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(credentials ? { credentials } : {}),
    ...(predefined ? { predefined } : {}),
    prefix: text('queue_name_prefix', option('queue_name_prefix')) ?? '',
    creation: { VisibilityTimeout: String(visibilityS), ...texts(option('sqs-creation-attributes')) },
    tags: texts(option('queue_tags')),
    waitS: whole('wait_time_seconds', option('wait_time_seconds'), LONGEST_WAIT_S, LONGEST_WAIT_S),
    isBase64: option('sqs_base64_encoding') !== false,
    location: `sqs://${authority}${region === undefined ? '' : `?region=${region}`}`,
  }
}

function queuesOf(value: unknown): ReadonlyMap<string, string> | undefined {
  if (value === undefined || value === null) return undefined
  const queues = new Map<string, string>()
  for (const [name, queue] of Object.entries(fields(value))) {
    const { url, ...rest } = fields(queue)
    if (typeof url !== 'string' || !URL.canParse(url)) throw invalid(`predefined_queues.${name} has no url`)
    if (url.endsWith('.fifo') !== name.endsWith('.fifo'))
      throw invalid(`predefined_queues.${name}: a FIFO queue’s name and URL both end with .fifo`)
    const other = Object.keys(rest).find((key) => !/^(region|backoff_)/.test(key))
    if (other !== undefined)
      throw invalid(
        `predefined_queues.${name}.${other} is not supported: all queues of an app share its credentials`,
      )
    queues.set(name, url)
  }
  return queues
}

function whole(name: string, value: unknown, fallback: number, most: number): number {
  if (value === undefined || value === null || value === '') return fallback
  const number = Math.trunc(Number(value))
  if (!(number >= 0 && number <= most)) throw invalid(`${name} is not a number of seconds from 0 to ${most}`)
  return number
}

function text(name: string, value: unknown): string | undefined {
  if (value === undefined || value === null || value === '') return undefined
  if (typeof value !== 'string') throw invalid(`${name} is not a text`)
  return value
}

const texts = (value: unknown): Readonly<Record<string, string>> =>
  Object.fromEntries(Object.entries(fields(value)).map(([name, one]) => [name, String(one)]))

const fields = (value: unknown): Settings =>
  typeof value === 'object' && value !== null ? (value as Settings) : {}

const camel = (snake: string): string =>
  snake.replace(/[_-]([a-z0-9])/g, (_, letter: string) => letter.toUpperCase())

const invalid = (problem: string): ConfigurationError =>
  new ConfigurationError(`SQS: ${problem}.`, { code: 'LVG_CONFIG_INVALID' })
