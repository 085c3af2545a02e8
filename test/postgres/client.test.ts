import { chmodSync, chownSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { until } from 'lovage/testing'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { orMissingPackage } from '../../packages/lovage/src/drivers/missing-package.js'
import {
  type OpenPostgresOptions,
  openPostgres,
  type PostgresDatabase,
  parsePostgresUrl,
  prepare,
} from '../../packages/lovage/src/drivers/postgres/client/index.js'
import { makeCertificates } from '../servers/tls.js'
import { freePort, type PostgresServer, startPostgres } from '../servers.js'

let server: PostgresServer
let folder: string
const opened: PostgresDatabase[] = []

function open(url = server.url(), options: OpenPostgresOptions = {}): PostgresDatabase {
  const database = openPostgres(url, { isolated: true, ...options })
  opened.push(database)
  return database
}

/** The error of a first statement: its code and its one line. */
async function refusal(url: string, statement = 'SELECT 1'): Promise<{ code: string; message: string }> {
  const error = await open(url)
    .query(statement)
    .catch((thrown: unknown) => thrown)
  // What a database throws is a ConnectionError; a row would fail the comparison.
  return error as { code: string; message: string }
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'lovage-certificates-'))
  await makeCertificates(folder)
  server = await startPostgres()
})
afterEach(async () => {
  for (const database of opened.splice(0)) await database.close()
})
afterAll(async () => {
  await server?.stop()
  rmSync(folder, { recursive: true })
})

describe('an address', () => {
  test.each([
    ['postgresql://u:p@h:5433/d', { host: 'h', port: 5433, user: 'u', password: 'p', database: 'd' }],
    ['db+postgresql://u:p@h/d', { host: 'h', port: 5432, user: 'u', database: 'd' }],
    ['postgresql+asyncpg://u:p@h/d', { host: 'h', database: 'd' }],
    ['db+postgresql+psycopg2://u:p%40ss@h/d', { password: 'p@ss' }],
    ['postgres://u@[::1]/d?sslmode=require', { host: '::1', tls: { verify: false, verifyHost: false } }],
    ['postgresql://u@h/d?sslmode=verify-full', { tls: { verify: true, verifyHost: true } }],
    ['postgresql:///d?host=/var/run/postgresql', { host: '/var/run/postgresql', database: 'd' }],
    ['postgresql://u@h/d?options=-csearch_path%3Dtasks', { sessionOptions: '-csearch_path=tasks' }],
  ])('%s is understood', (url, expected) => {
    expect(parsePostgresUrl(url)).toMatchObject(expected)
  })

  test.each(['mysql://h/d', 'postgresql://h:port/d', 'postgresql://h/d?sslmode=perhaps'])(
    '%s is refused in one line',
    (url) => {
      expect(() => parsePostgresUrl(url)).toThrow(expect.objectContaining({ code: 'LVG_CONFIG_INVALID' }))
    },
  )

  test('never shows its password', async () => {
    const { message } = await refusal(server.url().replace(':lovage@', ':topsecret@'))
    expect(message).not.toContain('topsecret')
    expect(parsePostgresUrl('db+postgresql://u:topsecret@h/d').location).toBe('postgresql://u:**@h/d')
  })
})

describe('one line says', () => {
  test('that the password is wrong', async () => {
    expect(await refusal(server.url().replace(':lovage@', ':wrong@'))).toMatchObject({
      code: 'LVG_CONNECTION_REFUSED',
      message: expect.stringMatching(/^PostgreSQL refused the user or password \(.*:\*\*@.*\): [^\n]*$/),
    })
  })
  test('that a password is asked for', async () => {
    expect(await refusal(server.url().replace(':lovage@', '@'))).toMatchObject({
      code: 'LVG_CONNECTION_REFUSED',
      message: expect.stringContaining('requires a password'),
    })
  })
  test('that the database is missing', async () => {
    expect(await refusal(server.url('nowhere'))).toMatchObject({
      code: 'LVG_DATABASE_MISSING',
      message: expect.stringMatching(/has no such database .*nowhere/),
    })
  })
  test('that the server does not speak TLS', async () => {
    expect(await refusal(`${server.url()}?sslmode=require`)).toMatchObject({
      code: 'LVG_CONNECTION_FAILED',
      message: expect.stringContaining('does not speak TLS'),
    })
  })
  test('that nobody listens there', async () => {
    expect(await refusal(`postgresql://u:p@127.0.0.1:${await freePort()}/d`)).toMatchObject({
      code: 'LVG_CONNECTION_FAILED',
      message: expect.stringContaining('cannot be reached'),
    })
  })
  test('that a permission is refused', async () => {
    await server.sql(`create role guest login password 'guest'`)
    const guest = server.url().replace('lovage:lovage@', 'guest:guest@')
    expect(await refusal(guest, 'CREATE TABLE mine (id int)')).toMatchObject({
      code: 'LVG_CONNECTION_REFUSED',
      message: expect.stringMatching(/denied this user a statement .*permission denied/),
    })
  })
  test('that a statement is wrong', async () => {
    expect(await refusal(server.url(), 'SELECT nothing FROM nowhere')).toMatchObject({
      code: 'LVG_POSTGRES_REFUSED',
      message: expect.stringContaining('relation "nowhere" does not exist'),
    })
  })
  test('that the package is missing', async () => {
    const missing = Object.assign(new Error("Cannot find package 'pg' imported from /app/x.js"), {
      code: 'ERR_MODULE_NOT_FOUND',
    })
    await expect(orMissingPackage(() => Promise.reject(missing))).rejects.toMatchObject({
      code: 'LVG_DRIVER_MISSING',
      message: 'This driver needs the package pg: npm install pg',
    })
  })
})

test('a server that takes TLS only is told apart, and its certificate is checked', async () => {
  const secure = await startPostgres()
  try {
    const data = join(secure.folder, 'data')
    const { uid, gid } = statSync(data)
    for (const name of ['server.crt', 'server.key']) {
      writeFileSync(join(data, name), readFileSync(join(folder, name)))
      chownSync(join(data, name), uid, gid)
      chmodSync(join(data, name), 0o600)
    }
    writeFileSync(join(data, 'pg_hba.conf'), 'hostssl all all 127.0.0.1/32 scram-sha-256\n')
    writeFileSync(join(data, 'postgresql.auto.conf'), 'ssl = on\n')
    secure.signal('SIGHUP')
    await until(async () => (await refusal(secure.url())).code === 'LVG_CONNECTION_REFUSED')
    expect((await refusal(secure.url())).message).toContain('accepts this user over TLS only')
    const trusted = `${secure.url()}?sslmode=verify-full&sslrootcert=${join(folder, 'ca.crt')}`
    expect(await open(trusted).query('SELECT 1 AS one')).toEqual([{ one: 1 }])
    expect(await open(`${secure.url()}?sslmode=require`).query('SELECT 1 AS one')).toEqual([{ one: 1 }])
    expect(await refusal(`${secure.url()}?sslmode=verify-full`)).toMatchObject({
      message: expect.stringContaining('certificate is not trusted'),
    })

    // Whom a certificate names needs no password.
    for (const name of ['ca.crt', 'pg_hba.conf'])
      writeFileSync(
        join(data, name),
        name === 'ca.crt' ? readFileSync(join(folder, name)) : 'hostssl all all 127.0.0.1/32 cert\n',
      )
    writeFileSync(join(data, 'postgresql.auto.conf'), "ssl = on\nssl_ca_file = 'ca.crt'\n")
    secure.signal('SIGHUP')
    const own = (name: string): string =>
      `${trusted}&sslcert=${join(folder, `${name}.crt`)}&sslkey=${join(folder, `${name}.key`)}`
    await until(async () => (await refusal(trusted)).code === 'LVG_CONNECTION_REFUSED')
    expect(await refusal(trusted)).toMatchObject({ hint: expect.stringContaining('sslcert and sslkey') })
    expect(await open(own('client')).query('SELECT 1 AS one')).toEqual([{ one: 1 }])
    // The server closes the line behind its word: who writes at that moment may hear of the close alone.
    await until(async () =>
      (await refusal(own('stranger'))).message.includes('does not accept this client’s certificate'),
    )
  } finally {
    await secure.stop()
  }
})

describe('a database', () => {
  test('gives integers as numbers, bytes as Buffer, the rest as text', async () => {
    const [row] = await open().query(
      `SELECT 1::bigint AS big, 2 AS small, $1::bytea AS bytes, $2::text[] AS list, now()::date - now()::date AS days,
        timestamp '2026-01-02 03:04:05.678' AS at, true AS yes, '{"a":1}'::jsonb AS json, 1.5::float8 AS half`,
      [Buffer.from([0, 255]), ['a"b', 'c,d', 'é']],
    )
    expect(row).toEqual({
      big: 1,
      small: 2,
      bytes: Buffer.from([0, 255]),
      list: ['a"b', 'c,d', 'é'],
      days: 0,
      at: '2026-01-02 03:04:05.678',
      yes: true,
      json: '{"a": 1}',
      half: 1.5,
    })
  })

  test('undoes a transaction that throws, and repeats one that met a deadlock', async () => {
    const database = open()
    await database.query('CREATE TABLE account (id int PRIMARY KEY, n int NOT NULL)')
    await database.query('INSERT INTO account VALUES (1, 0), (2, 0)')
    await expect(
      database.transaction(async (session) => {
        await session.query('UPDATE account SET n = 99')
        throw new Error('changed my mind')
      }),
    ).rejects.toThrow('changed my mind')
    const add = (...ids: number[]) =>
      database.transaction(async (session) => {
        for (const id of ids) await session.query('UPDATE account SET n = n + 1 WHERE id = $1', [id])
      })
    await Promise.all([add(1, 2), add(2, 1), add(1, 2), add(2, 1)])
    expect(await database.query('SELECT n FROM account')).toEqual([{ n: 4 }, { n: 4 }])
  })

  test('keeps the plans of its statements, and does without when a pooler loses or repeats them', async () => {
    const [add, count] = ['INSERT INTO planned VALUES ($1)', 'SELECT count(*) AS n FROM planned']
    prepare(add, count)
    const plans = (database: PostgresDatabase) =>
      database.query<{ name: string }>('SELECT name FROM pg_prepared_statements')
    const first = open(undefined, { poolSize: 1 })
    await first.query('CREATE TABLE planned (id int PRIMARY KEY)')
    for (const id of [1, 2]) await first.query(add, [id])
    const [plan] = await plans(first)
    expect(plan?.name).toMatch(/^lovage_[0-9a-f]{24}$/)

    await first.query('DEALLOCATE ALL')
    await first.query(add, [3])
    await first.transaction((session) => session.query(add, [4]))
    expect(await plans(first)).toEqual([])

    // Another process has made it on the connection that the pooler hands out.
    const second = open(undefined, { poolSize: 1 })
    await second.query(`PREPARE ${plan?.name} AS SELECT 1`)
    await second.transaction(async (session) => {
      await session.query('INSERT INTO planned VALUES (5)')
      await session.query(add, [6])
    })
    expect(await second.query(count)).toEqual([{ n: 6 }])
  })

  test('shares its connections among the openings of a process, until the last is closed', async () => {
    const [first, second] = [open(server.url(), { isolated: false }), open(server.url(), { isolated: false })]
    const pid = async (database: PostgresDatabase) =>
      (await database.query<{ pid: number }>('SELECT pg_backend_pid() AS pid'))[0]?.pid
    expect(await pid(first)).toBe(await pid(second))
    await first.close()
    await first.close()
    await expect(first.query('SELECT 1')).rejects.toMatchObject({ code: 'LVG_CONNECTION_CLOSED' })
    expect(await pid(second)).toBeGreaterThan(0)
  })

  test('is migrated once by many who do it at the same moment', async () => {
    const step = (name: string, sql: string) => {
      writeFileSync(join(folder, name), sql)
      return pathToFileURL(join(folder, name))
    }
    const one = step('one.sql', 'CREATE TABLE pear (id int); INSERT INTO pear VALUES (1);')
    const two = step('two.sql', 'ALTER TABLE pear ADD COLUMN ripe boolean; INSERT INTO pear VALUES (2);')
    await Promise.all(Array.from({ length: 8 }, () => open().migrate({ name: 'pears', steps: [one] })))
    await Promise.all(Array.from({ length: 8 }, () => open().migrate({ name: 'pears', steps: [one, two] })))
    expect(await open().query('SELECT id FROM pear ORDER BY id')).toEqual([{ id: 1 }, { id: 2 }])
    // A version that knows less leaves alone what a newer one has made.
    await open().migrate({ name: 'pears', steps: [one] })
    expect(await open().query(`SELECT version FROM lovage_schema WHERE name = 'pears'`)).toEqual([
      { version: 2 },
    ])
  })

  test('hears what is notified, also after its connection was cut and after the server was killed', async () => {
    const [listener, speaker] = [open(), open()]
    const heard: (string | undefined)[] = []
    const stop = listener.listen('Pears', (payload) => heard.push(payload))
    await until(() => heard.length === 1)
    expect(heard).toEqual([undefined])
    const say = (word: string) => speaker.query('SELECT pg_notify($1, $2)', ['Pears', word])
    await say('ripe')
    await until(() => heard.includes('ripe'))
    await server.sql(
      `select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'lovage listens'`,
    )
    await until(() => heard.length === 3)
    expect(heard[2]).toBeUndefined()
    await server.restart()
    await until(() => heard.length === 4)
    await say('sweet')
    await until(() => heard.includes('sweet'))
    stop()
    await say('late')
    expect(heard).not.toContain('late')
  })

  test('serves again after its server was killed, without a word about the connections that broke', async () => {
    const database = open()
    await Promise.all(Array.from({ length: 5 }, () => database.query('SELECT pg_sleep(0.01)')))
    await server.kill()
    await expect(database.query('SELECT 1')).rejects.toMatchObject({ code: 'LVG_CONNECTION_FAILED' })
    await server.start()
    expect(await database.query('SELECT 1 AS one')).toEqual([{ one: 1 }])
  })

  test('does not wait for ever for a server that hangs', async () => {
    const database = open(server.url(), { silenceTimeoutMs: 300, connectTimeoutMs: 300 })
    await database.query('SELECT 1')
    server.pause()
    try {
      await expect(database.query('SELECT 1')).rejects.toMatchObject({ code: 'LVG_CONNECTION_FAILED' })
      await expect(database.query('SELECT 1')).rejects.toMatchObject({ code: 'LVG_CONNECTION_FAILED' })
    } finally {
      server.resume()
    }
    expect(await database.query('SELECT 1 AS one')).toEqual([{ one: 1 }])
  })
})
