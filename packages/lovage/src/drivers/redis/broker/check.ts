import { ConfigurationError } from '../../../kernel/index.js'

/** Sends one command to the server that is checked. */
export type Ask = (...words: readonly [string, ...string[]]) => Promise<unknown>

/** The server that is checked, as messages name it. */
export interface CheckedServer {
  readonly location: string
  /** Whether it is reached as a node of a Cluster. */
  readonly isNode: boolean
}

const OLDEST = [6, 2] as const

/** Commands that the driver requires, as ACL LOG would name them. */
const NEEDED: readonly (readonly string[])[] = [
  ['evalsha', '0', '0'],
  ['blmove', 'a', 'a', 'RIGHT', 'RIGHT', '1'],
  ['lpush', 'a', 'a'],
  ['psubscribe', 'a'],
  ['publish', 'a', 'a'],
]

/** Checks the server's version and settings; refuses one that cannot work, and reports recommended changes. */
export async function checkServer(ask: Ask, { location, isNode }: CheckedServer): Promise<readonly string[]> {
  const info = parseInfo(String(await ask('info')))
  const version = info.get('redis_version') ?? '0'
  const [major = 0, minor = 0] = version.split('.').map(Number)
  if (info.get('redis_mode') === 'cluster' && !isNode)
    throw new ConfigurationError(`The Redis at ${location} is a node of a Cluster`, {
      code: 'LVG_CONFIG_INVALID',
      details: { location },
      hint: 'Write the URL as redis+cluster://host:port, with rediss+cluster:// for TLS.',
    })
  // Valkey started at Redis 7.2 and counts on from there: all its versions are supported.
  if (info.has('valkey_version')) return advise(ask, isNode, info)
  if (major < OLDEST[0] || (major === OLDEST[0] && minor < OLDEST[1])) {
    throw new ConfigurationError(`Redis ${version} is too old`, {
      code: 'LVG_CONFIG_INVALID',
      details: { version, location },
      hint: 'Upgrade the server to Redis 6.2 or later.',
    })
  }
  return advise(ask, isNode, info)
}

const advise = async (
  ask: Ask,
  isNode: boolean,
  info: ReadonlyMap<string, string>,
): Promise<readonly string[]> => [
  ...memoryAdvice(info),
  ...durabilityAdvice(info),
  ...(isNode ? replicaAdvice(info) : []),
  ...(await permissionAdvice(ask)),
  ...(await subscriberAdvice(ask)),
]

function parseInfo(text: string): ReadonlyMap<string, string> {
  const pairs = text.split('\r\n').map((line) => line.split(':'))
  return new Map(
    pairs.flatMap(([name, ...value]) => (name && value.length > 0 ? [[name, value.join(':')]] : [])),
  )
}

function memoryAdvice(info: ReadonlyMap<string, string>): string[] {
  const policy = info.get('maxmemory_policy')
  const [used, most] = [Number(info.get('used_memory')), Number(info.get('maxmemory'))]
  if (policy === undefined || policy === 'noeviction')
    return most > 0 && used >= most
      ? [
          `Redis is full (${info.get('used_memory_human')} of ${info.get('maxmemory_human')}) and refuses new tasks: raise maxmemory, or let workers empty the queues.`,
        ]
      : []
  return [
    `In production: Redis may evict queues when its memory is full (maxmemory-policy ${policy}): set maxmemory-policy noeviction.`,
  ]
}

function durabilityAdvice(info: ReadonlyMap<string, string>): string[] {
  if (info.get('role') === 'slave')
    return ['This Redis is a replica, which accepts no writes: connect to the primary.']
  const advice: string[] = []
  if (info.get('aof_enabled') !== '1')
    advice.push(
      'In production: Redis keeps no append-only file, so a crash of the server loses messages: set appendonly yes and appendfsync always, or everysec to lose at most one second.',
    )
  for (const [name, what] of [
    ['aof_last_write_status', 'append-only file'],
    ['rdb_last_bgsave_status', 'snapshot'],
  ] as const) {
    if (info.get(name) === 'err')
      advice.push(`Redis could not write its ${what}: check the server’s disk and log.`)
  }
  return advice
}

/** Of a node whose slots only a replica can take over. */
function replicaAdvice(info: ReadonlyMap<string, string>): string[] {
  const known = [...info].filter(([name]) => /^slave\d+$/.test(name))
  if (known.some(([, state]) => /(^|,)state=online(,|$)/.test(state))) return []
  return [
    known.length === 0
      ? 'In production: Redis has no replica, so its queues stand still when it dies: add one, with redis-cli --cluster add-node --cluster-slave.'
      : 'Redis has no replica that is up to date, so its queues stand still when it dies: look at its replicas’ logs.',
  ]
}

const MEBI = 1024 * 1024
/** What Redis keeps for a subscriber by default: at most, and for at most a minute. */
const KEPT_FOR_SUBSCRIBERS = [32 * MEBI, 8 * MEBI] as const

/** A server that keeps less than usual for its subscribers cuts off monitors in smaller bursts of events. */
async function subscriberAdvice(ask: Ask): Promise<string[]> {
  let limits: string
  try {
    // A list of the name and the value.
    const [, value = ''] = (await ask('config', 'get', 'client-output-buffer-limit')) as string[]
    limits = value
  } catch {
    // Hosted servers do not tell their configuration.
    return []
  }
  const [, most, mostForLong] = /pubsub (\d+) (\d+)/.exec(limits) ?? []
  // 0 is no limit.
  const isLess = [most, mostForLong].some(
    (limit, place) => Number(limit) > 0 && Number(limit) < (KEPT_FOR_SUBSCRIBERS[place] ?? 0),
  )
  if (!isLess) return []
  return [
    `Redis cuts off a subscriber for whom ${most} bytes wait, or ${mostForLong} for long (client-output-buffer-limit pubsub): raise it to 32mb 8mb 60 or more, so that bursts of events reach monitors.`,
  ]
}

/** Asks the server, where it can answer, which commands this user lacks. */
async function permissionAdvice(ask: Ask): Promise<string[]> {
  let user: string
  try {
    user = String(await ask('acl', 'whoami'))
  } catch {
    // A user who may not ask is at least restricted; missing permissions show when they are needed.
    return []
  }
  const missing: string[] = []
  for (const [name = '', ...words] of NEEDED) {
    try {
      // Redis 7; earlier versions, and users who may not ask, give no answer.
      const reply = String(await ask('acl', 'dryrun', user, name, ...words))
      if (reply !== 'OK' && reply.includes('command')) missing.push(name)
    } catch {
      return []
    }
  }
  if (missing.length === 0) return []
  return [
    `The Redis user ${user} may not use ${missing.join(', ')}: grant +@all, or the rule in docs/operate/redis.md.`,
  ]
}
