import type { Queue } from '../../broker/index.js'
import { COMPRESSION } from '../../message/index.js'
import type { PeriodicTask, ScheduleKinds } from '../../schedule/index.js'
import type { Routes } from '../routing/index.js'
import type { CallOptions, TaskAnnotations } from '../tasks/index.js'
import {
  choice,
  count,
  flag,
  inert,
  list,
  number,
  optional,
  priority,
  rate,
  type Setting,
  seconds,
  someSeconds,
  structure,
  text,
  timeZone,
  url,
} from './kinds.js'

const POOLS = ['auto', 'async', 'prefork', 'threads', 'solo', 'gevent', 'eventlet'] as const
const PYTHON_ONLY = 'it applies to the Python process only'
const NOT_YET = 'it is not part of this version'
const JSON_ONLY = 'results are always JSON, which both languages read'

/**
 * Every setting, under Celery's name in camelCase, with Celery's unit (seconds, unless the name says otherwise)
 * and Celery's default except where `docs/reference/settings.md` says why not.
 */
export const SETTINGS = {
  // --- broker
  /** The broker's URL: `redis://`, `rediss://`, `sentinel://`, `redis+cluster://`, the same with `valkey` for `redis`, `postgresql://`, `sqlite:///path`, `amqp://`, `amqps://`, `sqs://`, `memory://name`. Default: an embedded SQLite file. */
  brokerUrl: optional(url()),
  /**
   * The URL for producers, if it differs from the workers'. Default `brokerUrl`.
   * @deprecated No effect here: it is not part of this version.
   */
  brokerWriteUrl: inert(optional(text('')), NOT_YET),
  /**
   * The URL for workers, if it differs from the producers'. Default `brokerUrl`.
   * @deprecated No effect here: it is not part of this version.
   */
  brokerReadUrl: inert(optional(text('')), NOT_YET),
  /** Options of the driver, in Celery's spelling or camelCase: `visibility_timeout`, `global_keyprefix`, `priority_steps`, on RabbitMQ `confirm_timeout` and `consumer_timeout`; on SQS `region`, `queue_name_prefix` and others; behind Sentinels `master_name`, `sentinel_kwargs`, `min_other_sentinels`; on a Redis Cluster `cluster`. */
  brokerTransportOptions: structure<Readonly<Record<string, unknown>>>({}),
  /** TLS options of the broker's connection: `ca`, `cert`, `key`, `rejectUnauthorized`, or Celery's `ssl_ca_certs`, `ssl_certfile`, `ssl_keyfile`, `ssl_cert_reqs`. */
  brokerUseSsl: optional(structure<Readonly<Record<string, unknown>>>({})),
  /** Seconds to wait for a connection. A call gives up after at most twice as long, unless `taskPublishRetryPolicy` says otherwise. */
  brokerConnectionTimeout: someSeconds(4),
  /**
   * Whether a running worker reconnects.
   * @deprecated No effect here: a running worker always reconnects.
   */
  brokerConnectionRetry: inert(flag(true), 'a running worker always reconnects'),
  /** Whether a starting worker waits for its broker instead of failing. */
  brokerConnectionRetryOnStartup: flag(true),
  /** How many times a starting worker tries; 0 = for ever. */
  brokerConnectionMaxRetries: count(100, 0),
  /** Seconds between heartbeats of AMQP connections. */
  brokerHeartbeat: count(120, 0, 65_535),
  /** Seconds for which a claim of a Lovage worker lasts without renewal. */
  brokerLease: someSeconds(30),
  /**
   * Celery's limit of connections.
   * @deprecated No effect here: a process shares one connection.
   */
  brokerPoolLimit: inert(number(10), 'a process shares one connection'),
  /**
   * How Celery chooses among several brokers.
   * @deprecated No effect here: a list is tried in order.
   */
  brokerFailoverStrategy: inert(choice('round-robin', 'round-robin', 'shuffle'), 'a list is tried in order'),
  /** How clients authenticate to RabbitMQ: `PLAIN`, by password (the default), or `EXTERNAL`, by the certificate of the TLS connection. */
  brokerLoginMethod: optional(text('')),
  /** Type of the queues in which RabbitMQ keeps delayed messages; existing ones are not changed. */
  brokerNativeDelayedDeliveryQueueType: choice('quorum', 'quorum', 'classic'),
  /** Prefix of those queues' names, as in kombu 5.7: `{prefix}_celery_delayed_{n}`. It must be the same in the whole fleet. */
  brokerNativeDelayedDeliveryQueuePrefix: optional(text('')),

  // --- messages
  /** Content types, by short name, that a worker accepts. Pickle is always refused. */
  acceptContent: list(['json']),
  /** How arguments are serialised: json, msgpack or yaml; `auth` signs them, `encrypted` encrypts them. */
  taskSerializer: choice('json', 'json', 'msgpack', 'yaml', 'auth', 'encrypted'),
  /** How bodies are compressed: gzip (zlib data, as Celery's), brotli, zstd. */
  taskCompression: optional({ default: '', kind: COMPRESSION }),
  /** Maximum size of a body in bytes, before and after decompression. */
  messageMaxBytes: count(64 * 1024 * 1024, 1),
  /** Maximum size of a decompressed body in bytes; no more than `messageMaxBytes`. */
  messageMaxDecompressedBytes: count(16 * 1024 * 1024, 1),
  /** Whether integers beyond 2^53 arrive as bigint, or are refused. */
  integers: choice('number', 'number', 'bigint'),
  /** Whether dates, decimals, UUIDs and bytes keep their type on the wire. Celery before 5.3 reads only `plain`. */
  jsonTypes: choice('typed', 'typed', 'plain'),
  /**
   * The version of Celery's messages.
   * @deprecated No effect here: protocol 2 is written, 1 and 2 are read.
   */
  taskProtocol: inert(number(2), 'protocol 2 is written, 1 and 2 are read'),
  /**
   * Times are UTC.
   * @deprecated No effect here: times are always UTC on the wire.
   */
  enableUtc: inert(flag(true), 'times are always UTC on the wire'),
  /** Time zone of schedules, an IANA name such as `Europe/Berlin`. */
  timezone: timeZone('UTC'),

  // --- routing
  /** Queues, by name or as objects. Queues that are named elsewhere are created as needed. */
  taskQueues: structure<readonly (string | Queue)[]>([]),
  /** Which task goes to which queue: a record, or a list of pairs and functions; the first match wins. */
  taskRoutes: structure<Routes>([]),
  /** Whether a queue that is not in `taskQueues` is created when it is named. */
  taskCreateMissingQueues: flag(true),
  /** Queue for tasks that no route names. */
  taskDefaultQueue: text('celery'),
  /** Type of RabbitMQ queues that set no `x-queue-type`. */
  taskDefaultQueueType: choice('classic', 'classic', 'quorum'),
  /** Exchange of the default queue. Default: the queue's name. */
  taskDefaultExchange: optional(text('')),
  /** Type of the default queue's exchange. */
  taskDefaultExchangeType: choice('direct', 'direct', 'topic', 'fanout'),
  /** Routing key of the default queue. Default: the queue's name. */
  taskDefaultRoutingKey: optional(text('')),
  /** 2 = survives a restart of the broker. */
  taskDefaultDeliveryMode: choice('persistent', 'persistent', 'transient'),
  /** Priority 0–9 (higher first) of tasks that set none. Default: the broker's own. */
  taskDefaultPriority: optional(priority(0)),
  /** `x-max-priority` of queues on RabbitMQ. */
  taskQueueMaxPriority: optional(count(10, 1, 255)),
  /** Whether tasks sent by a task inherit its priority. */
  taskInheritParentPriority: flag(false),
  /** Whether a worker empties its queues in the order listed, or takes turns at them. */
  queueOrderStrategy: choice('strict', 'strict', 'round_robin'),

  // --- tasks
  /** Options by task name (`*` = all), set by the operator; they override the code. */
  taskAnnotations: structure<TaskAnnotations>({}),
  /** Whether `delay` runs the task at once in this process. */
  taskAlwaysEager: flag(false),
  /** Whether an eager task's error is thrown by `delay`. */
  taskEagerPropagates: flag(false),
  /** Whether an eager task's result is stored. */
  taskStoreEagerResult: flag(false),
  /** Whether results are not stored. */
  taskIgnoreResult: flag(false),
  /** Whether failures are stored even if results are not. */
  taskStoreErrorsEvenIfIgnored: flag(false),
  /** Whether the state STARTED is stored. */
  taskTrackStarted: flag(true),
  /** Hard limit in seconds. */
  taskTimeLimit: optional(seconds(0)),
  /** Soft limit in seconds. */
  taskSoftTimeLimit: optional(seconds(0)),
  /** Whether a message is acknowledged after its task ran, so that a crash repeats it. */
  taskAcksLate: flag(true),
  /** Whether a task that failed or took too long is acknowledged; the two below say it apart. */
  taskAcksOnFailureOrTimeout: flag(true),
  /** Whether a failed task is acknowledged; otherwise it becomes a dead letter. Default: `taskAcksOnFailureOrTimeout`. */
  taskAcksOnFailure: optional(flag(true)),
  /** Whether a task over its hard limit is acknowledged; otherwise it is run again, at most three times. Default: `taskAcksOnFailureOrTimeout`. */
  taskAcksOnTimeout: optional(flag(true)),
  /** Whether a task whose worker died is run again, at most three times. */
  taskRejectOnWorkerLost: flag(true),
  /** `10/s`, `10/m`, `10/h` for tasks without a rate of their own. */
  taskDefaultRateLimit: optional(rate('')),
  /** Whether publishing is retried after a connection error. */
  taskPublishRetry: flag(true),
  /** `max_retries`, `interval_start`, `interval_step`, `interval_max` in seconds. */
  taskPublishRetryPolicy: structure<Readonly<Record<string, number>>>({}),
  /** Whether producers send `task-sent` events. */
  taskSendSentEvent: flag(false),
  /** Whether an errback of a chord is also called for each failed task of its header. */
  taskAllowErrorCbOnChordHeader: flag(false),
  /** What happens to a message with an unknown task: it becomes a dead letter at once, or after up to five delayed returns. */
  onUnknownTask: choice('dead-letter', 'dead-letter', 'handBack'),

  // --- results
  /** The result backend, such as `db+postgresql://`; `rpc://` = replies to the caller, over RabbitMQ; `disabled://` = none. Default: the broker's own kind. */
  resultBackend: optional(text('')),
  /** Whether name, arguments, worker, retries and queue are stored with the result. */
  resultExtended: flag(false),
  /** Seconds after which a result may be removed; 0 = never. */
  resultExpires: seconds(86_400),
  /** Options of the driver, in Celery's spelling or camelCase: `global_keyprefix`, `poolSize`, on a Redis Cluster `cluster`; behind Sentinels as for the broker, whose options are the fallback. */
  resultBackendTransportOptions: structure<Readonly<Record<string, unknown>>>({}),
  /**
   * Seconds for which Celery joins a chord.
   * @deprecated No effect here: members are counted, not joined.
   */
  resultChordJoinTimeout: inert(number(3), 'members are counted, not joined'),
  /** Seconds between two tries of Celery's own `celery.chord_unlock`. */
  resultChordRetryInterval: someSeconds(1),
  /**
   * How often Celery stores a result again.
   * @deprecated No effect here: storing a result is retried until it succeeds.
   */
  resultBackendMaxRetries: inert(number(10), 'storing a result is retried until it succeeds'),
  /** Whether results sent by `rpc://` survive a restart of RabbitMQ; stored ones do. */
  resultPersistent: flag(false),
  /**
   * How results are serialized.
   * @deprecated No effect here: results are always JSON, which both languages read.
   */
  resultSerializer: inert(text('json'), JSON_ONLY),
  /**
   * How results are compressed.
   * @deprecated No effect here: results are always JSON, which both languages read.
   */
  resultCompression: inert(optional(text('')), JSON_ONLY),
  /**
   * Content types of results.
   * @deprecated No effect here: results are always JSON, which both languages read.
   */
  resultAcceptContent: inert(optional(list([])), JSON_ONLY),
  /** Where limits, revokes, pauses and unique keys are kept. Default: beside the broker. */
  coordinationUrl: optional(text('')),
  /** Where dead letters are kept, `postgresql://` or `sqlite://`. Default: in the broker's own store. */
  deadLetterUrl: optional(text('')),

  /** A PostgreSQL database in whose transactions tasks are sent (`transaction`), if the broker is none; they are relayed to the broker. */
  outboxUrl: optional(text('')),

  /** Where bodies and results beyond `largePayloadBytes` are kept: `file:///folder` or `postgresql://`. Default: nowhere, they travel whole. */
  largePayloadUrl: optional(text('')),
  /** Bytes of a body or result beyond which it is kept in `largePayloadUrl`. */
  largePayloadBytes: count(262_144, 1),
  /** Seconds for which the body of a message is kept after the time at which it is due; 0 = for ever. Longer than anything waits, and than dead letters are kept. */
  largePayloadExpires: seconds(2_592_000),

  // --- worker
  /** Concurrent tasks. Default: 100 in the async pool, one per processor in the others. */
  workerConcurrency: optional(count(100, 1)),
  /** Messages held per slot, the running one included; 0, no limit in Celery, counts as 1. */
  workerPrefetchMultiplier: count(1, 0),
  /** How tasks run; `auto` = prefork where a hard limit or a per-child limit is set, else async. */
  workerPool: choice('auto', ...POOLS),
  /** Tasks after which a child is replaced. Default: never. */
  workerMaxTasksPerChild: optional(count(0, 0)),
  /** KiB of resident memory after which a child is replaced. */
  workerMaxMemoryPerChild: optional(count(0, 0)),
  /** Total bytes of decompressed bodies that a worker may hold; beyond this, further compressed tasks wait a second. */
  workerMaxDecompressedBytes: count(128 * 1024 * 1024, 1),
  /** Whether the rates of tasks are ignored. */
  workerDisableRateLimits: flag(false),
  /** Whether a redelivered task whose result is SUCCESS is skipped. */
  workerDeduplicateSuccessfulTasks: flag(false),
  /**
   * How many delayed tasks a Celery worker holds.
   * @deprecated No effect here: tasks with an ETA wait in the broker.
   */
  workerEtaTaskLimit: inert(optional(number(0)), 'tasks with an ETA wait in the broker'),
  /**
   * Whether Celery claims for free slots alone.
   * @deprecated No effect here: prefetch is one message a slot.
   */
  workerDisablePrefetch: inert(flag(false), 'prefetch is one message a slot'),
  /** Whether each worker also has a queue of its own: `queue: workerDirect('celery@box')`. */
  workerDirect: flag(false),
  /** Port of a worker's `/metrics` and `/health`; 0 = any free one. Default: not served. */
  workerMetricsPort: optional(count(0, 0, 65_535)),
  /** Listening address of that port; `0.0.0.0` for scrapers on other machines. */
  workerMetricsHost: text('127.0.0.1'),
  /** Whether the worker obeys `inspect` and `control`. */
  workerEnableRemoteControl: flag(true),
  /** Whether the worker sends events of its tasks: `-E`. */
  workerSendTaskEvents: flag(false),
  /**
   * Whether Celery stops tasks when their connection is lost.
   * @deprecated No effect here: leases decide which worker owns a task.
   */
  workerCancelLongRunningTasksOnConnectionLoss: inert(flag(false), 'leases decide which worker owns a task'),
  /**
   * Whether quorum queues are detected.
   * @deprecated No effect here: they are detected always.
   */
  workerDetectQuorumQueues: inert(flag(true), 'they are detected always'),
  /** Seconds that a soft shutdown waits for running tasks. */
  workerSoftShutdownTimeout: seconds(0),
  /**
   * Whether Celery's soft shutdown also waits while no task runs.
   * @deprecated No effect here: an idle worker holds no messages.
   */
  workerEnableSoftShutdownOnIdle: inert(flag(false), 'an idle worker holds no messages'),
  /** Seconds that a warm shutdown waits before it hands back unfinished tasks. */
  workerShutdownTimeout: seconds(30),
  /** Seconds for which a revoked id is remembered. */
  workerRevokeExpires: someSeconds(604_800),
  /**
   * Celery's file of revoked tasks.
   * @deprecated No effect here: revokes are kept by the coordination store.
   */
  workerStateDb: inert(optional(text('')), 'revokes are kept by the coordination store'),
  /**
   * Whether `pool_restart` is obeyed.
   * @deprecated No effect here: pool_restart is always allowed.
   */
  workerPoolRestarts: inert(flag(false), 'pool_restart is always allowed'),
  /** Modules to import before tasks are run. */
  include: list([]),
  /** Same as `include`. */
  imports: list([]),
  /**
   * Whether logs are coloured.
   * @deprecated No effect here: --no-color decides.
   */
  workerLogColor: inert(optional(flag(true)), '--no-color decides'),
  /** Format of log lines: `json`, `pretty`, or a Python format (`%(asctime)s: %(levelname)s %(message)s`). Default: `pretty` on a terminal, else `json`. */
  workerLogFormat: optional(text('')),
  /** Python format for the log lines of tasks; it also supports `%(task_id)s` and `%(task_name)s`. */
  workerTaskLogFormat: optional(text('')),
  /**
   * Whether Celery takes over the root logger.
   * @deprecated No effect here: it applies to the Python process only.
   */
  workerHijackRootLogger: inert(flag(true), PYTHON_ONLY),
  /**
   * Whether Celery logs what is printed.
   * @deprecated No effect here: it applies to the Python process only.
   */
  workerRedirectStdouts: inert(flag(true), PYTHON_ONLY),
  /**
   * Seconds for which Celery waits for a child.
   * @deprecated No effect here: children report when they are ready.
   */
  workerProcAliveTimeout: inert(number(4), 'children report when they are ready'),

  // --- remote control and events
  /**
   * The exchange of remote control.
   * @deprecated No effect here: control requests go to celery.pidbox.
   */
  controlExchange: inert(text('celery'), 'control requests go to celery.pidbox'),
  /** Seconds for which RabbitMQ keeps a control request that its worker does not fetch. */
  controlQueueTtl: someSeconds(300),
  /** Seconds for which RabbitMQ keeps a queue of control requests or replies without its owner. */
  controlQueueExpires: someSeconds(10),
  /** Whether such a queue belongs to its owner's connection, and ends with it. RabbitMQ from 4.3 on accepts no other non-durable queues. */
  controlQueueExclusive: flag(true),
  /** Whether it is durable instead, for `controlQueueExpires` seconds without its owner. */
  controlQueueDurable: flag(false),
  /**
   * The exchange of events.
   * @deprecated No effect here: events go to celeryev.
   */
  eventExchange: inert(text('celeryev'), 'events go to celeryev'),
  /**
   * The prefix of monitors' queues.
   * @deprecated No effect here: queues of events are named after celeryev.
   */
  eventQueuePrefix: inert(text('celeryev'), 'queues of events are named after celeryev'),
  /** Seconds for which RabbitMQ keeps an event that its reader does not fetch. */
  eventQueueTtl: someSeconds(5),
  /** Seconds for which RabbitMQ keeps a queue of events without its reader. */
  eventQueueExpires: someSeconds(60),
  /** Same as `controlQueueExclusive`, for queues of events. */
  eventQueueExclusive: flag(true),
  /** Same as `controlQueueDurable`, for queues of events. */
  eventQueueDurable: flag(false),

  // --- beat
  /** Periodic tasks by name. */
  beatSchedule: structure<Readonly<Record<string, PeriodicTask<CallOptions>>>>({}),
  /** How to read custom kinds of schedules from the store. */
  beatScheduleKinds: structure<ScheduleKinds>({}),
  /**
   * Celery's scheduler class.
   * @deprecated No effect here: beatScheduleFilename says where the schedule is.
   */
  beatScheduler: inert(optional(text('')), 'beatScheduleFilename says where the schedule is'),
  /** Where the schedule is kept: a file (SQLite), or a URL. Default: beside the messages. */
  beatScheduleFilename: optional(text('')),
  /** Seconds after which the schedule is read again, whatever the store reports; 0 = 300. */
  beatMaxLoopInterval: seconds(0),
  /** Seconds after which another beat replaces a dead leader. */
  beatLease: someSeconds(6),
  /**
   * After how many runs Celery stores its schedule.
   * @deprecated No effect here: every run is stored.
   */
  beatSyncEvery: inert(number(0), 'every run is stored'),
  /** Seconds by which a crontab's run may be late; older missed runs are skipped. Default: one run for all of them. */
  beatCronStartingDeadline: optional(seconds(0)),

  // --- security
  /** Signing (`taskSerializer: 'auth'`): the path of this process's private key, or its PEM. */
  securityKey: optional(text('')),
  /** The password of the key. */
  securityKeyPassword: optional(text('')),
  /** Its certificate. */
  securityCertificate: optional(text('')),
  /** A folder or glob: certificates of trusted signers. */
  securityCertStore: optional(text('')),
  /** The hash that is signed. */
  securityDigest: text('sha256'),
  /** Whether to sign as Celery 5.2 does, which cannot read the format of later versions; both are read. */
  securityLegacyFormat: flag(false),

  /** Encryption (`taskSerializer: 'encrypted'`): keys of 32 bytes in base64. The first encrypts, all decrypt. */
  encryptionKeys: list([]),

  // --- Redis, beyond the URL
  /**
   * Celery's limit of connections.
   * @deprecated No effect here: a process shares one connection.
   */
  redisMaxConnections: inert(optional(number(0)), 'a process shares one connection'),
  /** Seconds after which a server that does not answer a command counts as dead. Default: a third of `brokerLease`. */
  redisSocketTimeout: optional(someSeconds(120)),
  /** Timeout of one connection attempt, in seconds. Default `brokerConnectionTimeout`. */
  redisSocketConnectTimeout: optional(someSeconds(4)),
  /**
   * Whether connections are kept alive.
   * @deprecated No effect here: connections are kept alive.
   */
  redisSocketKeepalive: inert(flag(true), 'connections are kept alive'),
  /**
   * Whether commands are tried again.
   * @deprecated No effect here: commands are retried when the connection returns.
   */
  redisRetryOnTimeout: inert(flag(false), 'commands are retried when the connection returns'),
  /** TLS options of the results' connection, as `brokerUseSsl`. */
  redisBackendUseSsl: optional(structure<Readonly<Record<string, unknown>>>({})),
  /**
   * Seconds between checks of a connection.
   * @deprecated No effect here: the connection is always monitored.
   */
  redisBackendHealthCheckInterval: inert(optional(number(0)), 'the connection is always monitored'),
  /**
   * The name of connections on the server.
   * @deprecated No effect here: connections are named after their purpose.
   */
  redisClientName: inert(optional(text('')), 'connections are named after their purpose'),
} as const satisfies Record<string, Setting<unknown>>

/** The name of a setting. */
export type SettingName = keyof typeof SETTINGS
/** All settings with their values. */
// `keyof` stands in the mappings themselves: only then do editors show a setting's docstring where it is given.
export type Settings = {
  readonly [Name in keyof typeof SETTINGS]: (typeof SETTINGS)[Name] extends { readonly default: infer Value }
    ? Value
    : never
}
