import { ConfigurationError } from '../../kernel/index.js'

/** Value forms that Celery accepts for a setting and ours does not, translated to the equivalent value here. */
const FORMS: Readonly<Record<string, (value: unknown) => unknown>> = {
  /** A list of brokers, to be tried in turn, or the same separated by semicolons. */
  brokerUrl: (value) =>
    isTexts(value)
      ? oneUrl(value)
      : typeof value === 'string' && value.includes(';')
        ? oneUrl([value])
        : value,
  /** True means TLS as the URL's host has it. */
  brokerUseSsl: (value) =>
    value === true || value === 1 ? {} : value === false || value === 0 ? undefined : value,
  redisBackendUseSsl: (value) => (value === true ? {} : value === false ? undefined : value),
  taskDefaultDeliveryMode: (value) =>
    value === 1 || value === '1' ? 'transient' : value === 2 || value === '2' ? 'persistent' : value,
  /** `{name: {exchange, exchange_type, binding_key}}`. */
  taskQueues: (value) =>
    isRecord(value) ? Object.entries(value).map(([name, options]) => queueOf(name, options)) : value,
  acceptContent: (value) => (value instanceof Set ? [...value] : value),
}

/** The meaning of Celery's None, where it differs from leaving the setting out. */
const NONE: Readonly<Record<string, unknown>> = {
  brokerHeartbeat: 0,
  brokerConnectionMaxRetries: 0,
  resultExpires: 0,
}
/** Settings where it does not: None is Celery's own default, or the setting has no effect here. */
const LEFT_OUT: ReadonlySet<string> = new Set([
  'brokerPoolLimit',
  'brokerConnectionRetryOnStartup',
  'brokerFailoverStrategy',
  'brokerTransportOptions',
  'beatSchedule',
  'imports',
  'include',
  'resultBackendTransportOptions',
  'resultPersistent',
  'resultBackendMaxRetries',
  'taskAnnotations',
  'taskPublishRetryPolicy',
  'taskQueues',
  'taskRoutes',
  'timezone',
  'workerShutdownTimeout',
])

/** A value as the table of settings accepts it; undefined = treated as not given. */
export function fromPython(name: string, value: unknown, isFlag: boolean): unknown {
  if (value === null) {
    if (name in NONE) return NONE[name]
    if (LEFT_OUT.has(name)) return undefined
    // Python's `if` treats None as false.
    return isFlag ? false : null
  }
  if (isFlag && (value === 0 || value === 1)) return value === 1
  const form = FORMS[name]
  return form ? form(value) : value
}

/** The beginning of a further URL. */
const NEXT = /;(?=[a-z][a-z0-9+.-]*:\/\/)/

/** One URL of all brokers: nodes of a RabbitMQ cluster, of a Redis Cluster, or the Sentinels of a Redis. Anything else cannot be one fleet. */
function oneUrl(given: readonly string[]): string | undefined {
  const urls = given.flatMap((url) => url.split(NEXT)).filter((url) => url !== '')
  const [first] = urls
  const kinds = new Set(urls.map(kindOf))
  if (urls.length <= 1 || (kinds.size === 1 && !kinds.has(undefined))) return urls.join(';') || undefined
  throw new ConfigurationError(
    `Failover between several brokers works on RabbitMQ, not with ${hide(first)} and ${hide(urls[1])}: each holds other tasks, which the workers of the other one would not see.`,
    {
      code: 'LVG_CONFIG_INVALID',
      hint: 'Set one brokerUrl. For a Redis with replicas write sentinel://host1:26379;sentinel://host2:26379 and master_name in brokerTransportOptions; for a Redis Cluster redis+cluster://host1;redis+cluster://host2.',
      details: { setting: 'brokerUrl' },
    },
  )
}

const kindOf = (url: string): string | undefined =>
  /^(py)?amqps?:/.test(url) ? 'amqp' : /^(sentinel|(?:redis|valkey)s?\+cluster):/.exec(url)?.[1]

/** The scheme alone: the rest may hold a password. */
const hide = (url = ''): string => `${url.split('://')[0]}://…`

function queueOf(name: string, options: unknown): unknown {
  if (!isRecord(options)) return name
  const {
    exchange,
    exchange_type: type,
    binding_key: binding,
    routing_key: routing,
    queue_arguments: args,
  } = options
  const key = binding ?? routing
  return {
    name,
    ...(typeof exchange === 'string' && exchange !== '' ? { exchange } : {}),
    ...(typeof type === 'string' ? { exchangeType: type } : {}),
    ...(typeof key === 'string' ? { routingKey: key } : {}),
    ...(isRecord(args) ? { arguments: args } : {}),
  }
}

const isTexts = (value: unknown): value is readonly string[] =>
  Array.isArray(value) && value.every((one) => typeof one === 'string')

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
