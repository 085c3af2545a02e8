import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Lovage } from 'lovage'
import { afterAll, afterEach, beforeAll, beforeEach } from 'vitest'
import { type PostgresServer, type RedisServer, startPostgres, startRedis } from './servers.js'

/** A kind of store, and a URL of it at each call: a space of its own, on Redis one of the 16 databases in turn. */
export type Store = readonly [name: string, freshUrl: () => string | Promise<string>]

/** Memory, SQLite, Redis and PostgreSQL for the tests of a file: servers start before its first test and end after its last. */
export function everyStore(topic: string): Store[] {
  let redis: RedisServer
  let postgres: PostgresServer
  let folder: string
  let count = 0
  beforeAll(async () => {
    ;[redis, postgres] = await Promise.all([startRedis(), startPostgres()])
    folder = mkdtempSync(join(tmpdir(), `lovage-${topic}-`))
  })
  afterAll(async () => {
    await Promise.all([redis?.stop(), postgres?.stop()])
    rmSync(folder, { recursive: true, force: true })
  })
  return [
    ['memory', () => `memory://${topic}-${++count}`],
    ['SQLite', () => `sqlite://${join(folder, `${++count}.db`)}`],
    ['Redis', () => `${redis.url}/${++count % 16}`],
    ['PostgreSQL', () => postgres.createDatabase(`${topic}_${++count}`)],
  ]
}

/** A logger that says nothing. */
export const silent = {
  debug() {},
  info() {},
  warn() {},
  error() {},
  fatal() {},
  trace() {},
  child: () => silent,
}

/** Opens apps of one name on a fresh store in each test, each as another process would, and closes them after it. */
export function appsOn(
  name: string,
  freshUrl: Store[1],
): (options?: ConstructorParameters<typeof Lovage>[1]) => Lovage {
  let broker: string
  const apps: Lovage[] = []
  beforeEach(async () => {
    broker = await freshUrl()
  })
  afterEach(async () => {
    await Promise.all(apps.splice(0).map((app) => app.close()))
  })
  return (options = {}) => {
    const app = new Lovage(name, { broker, env: {}, logger: silent, workerShutdownTimeout: 1, ...options })
    apps.push(app)
    return app
  }
}
