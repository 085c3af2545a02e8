import { execFileSync } from 'node:child_process'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect } from 'amqplib'
import { Redis } from 'ioredis'
import Database from 'libsql'
import { openPostgres } from '../../packages/lovage/src/drivers/postgres/client/index.js'
import { type Line, startLine } from '../rabbitmq/line.js'
import { startPostgres, startRabbit, startRedis } from '../servers.js'

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

/** A broker with everything that can happen to it. */
export interface Place {
  /** For who looks and sends: nothing happens on this way but what happens to the server. */
  readonly url: string
  /** For workers. */
  readonly workerUrl: string
  /** Where results lie, for those who look, and for workers. */
  readonly backend: string
  readonly workerBackend: string
  /** Puts bytes into the queue `celery`. */
  publishRaw(raw: string): Promise<void>
  /** What the server's own tools tell of its queues, where the broker's contract cannot: queues with messages that are ready, or held. */
  readonly look?: () => Promise<readonly QueueLook[]>
  /** By name; each resolves when it is over. */
  readonly faults: Readonly<Record<string, () => Promise<void>>>
  stop(): Promise<void>
}

/** A queue as the server's own tools see it. */
export interface QueueLook {
  readonly name: string
  readonly ready: number
  readonly unacked: number
}

/** What can happen to a line. */
const onLine = (line: Line): Place['faults'] => ({
  'cut connections': async () => line.cut(),
  'freeze connections': async () => line.freeze(),
})

async function through(url: string): Promise<{ readonly line: Line; readonly url: string }> {
  const direct = new URL(url)
  const line = await startLine(Number(direct.port))
  const copy = new URL(url)
  copy.host = `127.0.0.1:${line.port}`
  return { line, url: copy.href }
}

async function redisPlace(): Promise<Place> {
  const server = await startRedis({ appendonly: 'always' })
  const { line, url } = await through(server.url)
  const client = new Redis(server.url, { retryStrategy: () => 50, maxRetriesPerRequest: null })
  client.on('error', () => {})
  return {
    url: server.url,
    workerUrl: url,
    backend: server.url,
    workerBackend: url,
    publishRaw: async (raw) => void (await client.lpush('celery', raw)),
    faults: {
      ...onLine(line),
      'kill the server': () => server.restart(),
      async 'fill the memory'() {
        await client.config('SET', 'maxmemory', '1')
        await sleep(1500)
        await client.config('SET', 'maxmemory', '0')
      },
    },
    async stop() {
      client.disconnect()
      await line[Symbol.asyncDispose]()
      await server.stop()
    },
  }
}

async function postgresPlace(): Promise<Place> {
  const server = await startPostgres()
  const { line, url } = await through(server.url())
  const database = openPostgres(server.url(), { isolated: true })
  return {
    url: server.url(),
    workerUrl: url,
    backend: server.url(),
    workerBackend: url,
    publishRaw: async (raw) =>
      void (await database.query(
        "INSERT INTO lovage_message (queue, place, raw) VALUES ('celery', 0, $1)",
        // Its text holds no NUL.
        [raw.replaceAll('\0', '')],
      )),
    faults: {
      ...onLine(line),
      'kill the server': () => server.restart(),
      'end every session': async () =>
        void (await database.query(
          'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND usename = current_user',
        )),
      'lock the table': () =>
        database.transaction(async (session) => {
          await session.query('LOCK TABLE lovage_message IN ACCESS EXCLUSIVE MODE')
          await sleep(1500)
        }),
    },
    async stop() {
      await database.close()
      await line[Symbol.asyncDispose]()
      await server.stop()
    },
  }
}

/** Where one may mount, the file stands on a disk of its own, which can be full. */
async function sqlitePlace(): Promise<Place> {
  const folder = await mkdtemp(join(tmpdir(), 'lovage-chaos-'))
  const disk = join(folder, 'disk')
  await mkdir(disk)
  let isMounted = false
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=96m', 'tmpfs', disk], { stdio: 'ignore' })
    isMounted = true
  } catch {
    // Not root: the disk is everybody's, and is left alone.
  }
  const file = join(disk, 'queue.db')
  const url = `sqlite://${file}?lockTimeoutMs=1000`
  const locked = async (ms: number): Promise<void> => {
    const database = new Database(file, { timeout: 5000 })
    try {
      database.exec('BEGIN IMMEDIATE')
      await sleep(ms)
      database.exec('ROLLBACK')
    } finally {
      database.close()
    }
  }
  return {
    url,
    workerUrl: url,
    backend: url,
    workerBackend: url,
    async publishRaw(raw) {
      const database = new Database(file, { timeout: 5000 })
      try {
        database
          .prepare(
            "INSERT INTO lovage_message (queue, level, place, due_ms, state, raw) VALUES ('celery', 0, 0, 0, 0, ?)",
          )
          .run(raw)
      } finally {
        database.close()
      }
    },
    faults: {
      'lock the file': () => locked(700),
      'lock the file for long': () => locked(3000),
      ...(isMounted
        ? {
            async 'fill the disk'() {
              const filler = join(disk, 'filler')
              await writeFile(filler, Buffer.alloc(96 * 2 ** 20)).catch(() => {})
              await sleep(1500)
              await rm(filler, { force: true })
            },
          }
        : {}),
    },
    async stop() {
      if (isMounted) execFileSync('umount', ['-l', disk])
      await rm(folder, { recursive: true, force: true })
    },
  }
}

async function rabbitPlace(): Promise<Place> {
  const server = await startRabbit()
  const folder = await mkdtemp(join(tmpdir(), 'lovage-chaos-'))
  const { line, url } = await through(server.url())
  const backend = `sqlite://${join(folder, 'results.db')}`
  return {
    url: server.url(),
    // What lies on a frozen connection comes back when the server misses two heartbeats: by default after up to three minutes.
    workerUrl: `${url}?heartbeat=3`,
    backend,
    workerBackend: backend,
    async publishRaw(raw) {
      const connection = await connect(server.url())
      const channel = await connection.createConfirmChannel()
      channel.sendToQueue('celery', Buffer.from(raw), { persistent: true })
      await channel.waitForConfirms()
      await connection.close()
    },
    async look() {
      const columns = ['name', 'messages_ready', 'messages_unacknowledged']
      const lines = (await server.ctl('list_queues', '--no-table-headers', ...columns)).trim().split('\n')
      const looks = lines.map((line) => line.split('\t'))
      return looks
        .map(([name = '', ready, unacked]) => ({ name, ready: Number(ready), unacked: Number(unacked) }))
        .filter(({ ready, unacked }) => ready + unacked > 0)
    },
    faults: onLine(line),
    async stop() {
      await line[Symbol.asyncDispose]()
      await server.stop()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

/** Every kind of broker that processes share. */
export const PLACES: Readonly<Record<string, () => Promise<Place>>> = {
  redis: redisPlace,
  sqlite: sqlitePlace,
  postgresql: postgresPlace,
  rabbitmq: rabbitPlace,
}
