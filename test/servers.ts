/**
 * The one way to start a server in a test: private, on a free loopback port, in a temporary folder, ended by its own id.
 * A server that a test did not start is never touched.
 */
export { type AwsServer, startAws } from './servers/aws.js'
export { type RedisCluster, startCluster } from './servers/cluster.js'
export { freePort } from './servers/ports.js'
export { type PostgresOptions, type PostgresServer, startPostgres } from './servers/postgres.js'
export {
  type PythonApp,
  type PythonCelery,
  type PythonWorkerOptions,
  pythonCelery,
  runPython,
} from './servers/python.js'
export { type RabbitOptions, type RabbitServer, startRabbit } from './servers/rabbit.js'
export { type RabbitCluster, startRabbitCluster } from './servers/rabbit-cluster.js'
export { hasValkey, type RedisOptions, type RedisServer, startRedis } from './servers/redis.js'
export { MASTER_NAME, type SentinelGroup, startSentinelGroup } from './servers/sentinel.js'
export { run, type ServerProcess, watch } from './servers/server-process.js'
