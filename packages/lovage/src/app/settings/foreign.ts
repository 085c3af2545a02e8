/** Celery's settings for stores, transports or components that do not exist here, by the beginning of their names. */
const STORES = ['cache', 'cassandra', 's3', 'azureblockblob', 'gcs', 'couchbase', 'couchdb', 'arangodb', 'mongodb', 'cosmosdbsql', 'elasticsearch', 'dynamodb', 'consul', 'filesystem'] // biome-ignore format: a list of words

const PART_OF_URL = 'it is part of brokerUrl'
const OF_RESULTS_URL = 'it is part of resultBackend'
const PYTHON_CLASS = 'it names a Python class'
const TABLES = "Celery's own tables are used, under their own names"

/** Settings known by name, and why they have no effect here. */
const ALONE: Readonly<Record<string, string>> = {
  brokerTransport: 'the scheme of brokerUrl decides',
  brokerHost: PART_OF_URL,
  brokerPort: PART_OF_URL,
  brokerUser: PART_OF_URL,
  brokerPassword: PART_OF_URL,
  brokerVhost: PART_OF_URL,
  brokerChannelErrorRetry: 'failed channels are always reopened',
  brokerHeartbeatCheckrate: 'the connection checks heartbeats itself',
  brokerPoolAcquireTimeout: 'a process shares one connection',
  redisHost: OF_RESULTS_URL,
  redisPort: OF_RESULTS_URL,
  redisDb: OF_RESULTS_URL,
  redisUsername: OF_RESULTS_URL,
  redisPassword: OF_RESULTS_URL,
  resultCacheMax: 'results are read from their store',
  resultExchange: 'rpc:// results use queues of their own',
  resultExchangeType: 'rpc:// results use queues of their own',
  resultBackendAlwaysRetry: 'storing a result is retried until it succeeds',
  resultBackendMaxSleepBetweenRetriesMs: 'storing a result is retried until it succeeds',
  resultBackendBaseSleepBetweenRetriesMs: 'storing a result is retried until it succeeds',
  databaseUrl: 'set resultBackend to db+postgresql://…',
  databaseEngineOptions: 'these are SQLAlchemy options',
  databaseEngineCallback: 'it is a SQLAlchemy option',
  databaseShortLivedSessions: 'connections are pooled',
  databaseTableSchemas: TABLES,
  databaseTableNames: TABLES,
  databaseCreateTablesAtSetup: 'tables are created on first use; `lovage db migrate` creates them in advance',
  taskCreateMissingQueueType: 'undeclared queues are created with taskDefaultQueueType',
  taskCreateMissingQueueExchangeType: 'undeclared queues are addressed by name',
  taskRemoteTracebacks: 'tracebacks are stored as text',
  eventSerializer: 'events are JSON, which both languages send',
  workerAgent: PYTHON_CLASS,
  workerAutoscaler: PYTHON_CLASS,
  workerConsumer: PYTHON_CLASS,
  workerTimer: PYTHON_CLASS,
  workerTimerPrecision: 'timers are exact',
  workerLostWait: 'a dead child is noticed at once',
  workerPoolPutlocks: 'tasks are claimed only for free slots',
  workerRedirectStdoutsLevel: 'it applies to the Python process only',
  workerEnablePrefetchCountReduction: 'prefetch follows the free slots',
}

/** Why a Celery setting outside the table has no effect; undefined when Celery has no such setting. */
export function foreignSetting(name: string): string | undefined {
  if (Object.hasOwn(ALONE, name)) return ALONE[name]
  const store = STORES.find((one) => name.startsWith(one) && /^[A-Z]/.test(name.slice(one.length)))
  return store === undefined ? undefined : `results cannot be stored there (${store})`
}
