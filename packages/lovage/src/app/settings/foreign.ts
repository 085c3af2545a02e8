/** Celery's settings for stores, transports or components that do not exist here, by the beginning of their names. */
const STORES = ['cache', 'cassandra', 's3', 'azureblockblob', 'gcs', 'couchbase', 'couchdb', 'arangodb', 'mongodb', 'cosmosdbsql', 'elasticsearch', 'dynamodb', 'consul', 'filesystem'] // biome-ignore format: a list of words

const PART_OF_URL = 'write it into brokerUrl'
const OF_RESULTS_URL = 'write it into resultBackend'
const PYTHON_CLASS = 'it names a class of Python'
const TABLES = "Celery's own tables are read and written, under their own names"

/** Settings known by name, and why they have no effect here. */
const ALONE: Readonly<Record<string, string>> = {
  brokerTransport: 'the scheme of brokerUrl says it',
  brokerHost: PART_OF_URL,
  brokerPort: PART_OF_URL,
  brokerUser: PART_OF_URL,
  brokerPassword: PART_OF_URL,
  brokerVhost: PART_OF_URL,
  brokerChannelErrorRetry: 'channels that fail are opened again always',
  brokerHeartbeatCheckrate: 'heartbeats are watched by the connection',
  brokerPoolAcquireTimeout: 'a process shares one connection',
  redisHost: OF_RESULTS_URL,
  redisPort: OF_RESULTS_URL,
  redisDb: OF_RESULTS_URL,
  redisUsername: OF_RESULTS_URL,
  redisPassword: OF_RESULTS_URL,
  resultCacheMax: 'results are asked of their store',
  resultExchange: 'results by rpc:// go to queues of their own',
  resultExchangeType: 'results by rpc:// go to queues of their own',
  resultBackendAlwaysRetry: 'a result is stored again until it is',
  resultBackendMaxSleepBetweenRetriesMs: 'a result is stored again until it is',
  resultBackendBaseSleepBetweenRetriesMs: 'a result is stored again until it is',
  databaseUrl: 'write resultBackend: db+postgresql://…',
  databaseEngineOptions: 'they belong to SQLAlchemy',
  databaseEngineCallback: 'it belongs to SQLAlchemy',
  databaseShortLivedSessions: 'connections are pooled',
  databaseTableSchemas: TABLES,
  databaseTableNames: TABLES,
  databaseCreateTablesAtSetup:
    'tables are made when they are first needed; `lovage db migrate` makes them beforehand',
  taskCreateMissingQueueType: 'queues that are not declared are made as taskDefaultQueueType says',
  taskCreateMissingQueueExchangeType: 'queues that are not declared are reached by their names',
  taskRemoteTracebacks: 'tracebacks are stored as text',
  eventSerializer: 'events are JSON, which both languages tell',
  workerAgent: PYTHON_CLASS,
  workerAutoscaler: PYTHON_CLASS,
  workerConsumer: PYTHON_CLASS,
  workerTimer: PYTHON_CLASS,
  workerTimerPrecision: 'timers are exact',
  workerLostWait: 'a child that is gone is noticed at once',
  workerPoolPutlocks: 'tasks are claimed for free slots alone',
  workerRedirectStdoutsLevel: 'it belongs to the Python process',
  workerEnablePrefetchCountReduction: 'prefetch follows the free slots',
}

/** Why a Celery setting outside the table has no effect; undefined when Celery has no such setting. */
export function foreignSetting(name: string): string | undefined {
  if (Object.hasOwn(ALONE, name)) return ALONE[name]
  const store = STORES.find((one) => name.startsWith(one) && /^[A-Z]/.test(name.slice(one.length)))
  return store === undefined ? undefined : `results are not kept there (${store})`
}
