import { type Lovage, startWorker, type Worker } from 'lovage'
import { createTestApp } from 'lovage/testing'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { coreOf } from '../../packages/lovage/src/app/core/index.js'
import { openResultBackend } from '../../packages/lovage/src/drivers/index.js'
import { silentLogger, systemClock } from '../../packages/lovage/src/kernel/index.js'
import {
  type PostgresServer,
  type PythonCelery,
  pythonCelery,
  type RedisServer,
  startPostgres,
  startRedis,
} from '../servers.js'

let redis: RedisServer
let postgres: PostgresServer
let python: PythonCelery
let app: Lovage
let worker: Worker

const SOURCE = `
  import datetime, decimal, uuid
  app.conf.update(task_default_queue='py', task_track_started=True, result_extended=True)

  @app.task(name='py.echo')
  def echo(*args, **kwargs):
      return [args, kwargs]

  @app.task(name='py.values')
  def values():
      return {'at': datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=datetime.timezone.utc), 'price': decimal.Decimal('1.10'),
              'id': uuid.UUID(int=7), 'set': {1}, 'pair': (1, 2), 'bytes': b'\\x00\\xff', 3: None}

  @app.task(name='py.fail')
  def fail():
      raise ValueError('boom', 42)

  class Special:
      pass

  @app.task(name='py.object')
  def an_object():
      return Special()`

beforeAll(async () => {
  ;[redis, postgres] = await Promise.all([startRedis(), startPostgres()])
  // Python comes first: it makes the tables, and ours must fit in.
  python = await pythonCelery({
    broker: redis.url,
    backend: `db+${postgres.url()}`,
    source: SOURCE,
    args: ['-P', 'solo', '-Q', 'py'],
  })
  await python.run(`echo.delay().get(timeout=20)`)
  app = createTestApp('shop', {
    broker: redis.url,
    backend: `db+${postgres.url().replace('postgresql:', 'postgresql+psycopg2:')}`,
    jsonTypes: 'plain',
    resultExtended: true,
    taskDefaultQueue: 'ts',
  })
  app.task({
    name: 'ts.values',
    run: () => ({ list: [1, 2.5, 'é😀', null, true], big: 2n ** 70n, nested: { a: { b: [] } } }),
  })
  app.task({
    name: 'ts.fail',
    run: () => {
      throw new RangeError('too far')
    },
  })
  worker = await startWorker(app, { queues: ['ts'], hostname: 'ts@localhost' })
})
afterAll(async () => {
  await worker?.stop()
  await app?.close()
  await python?.stop()
  await postgres?.stop()
  await redis?.stop()
})

const call = (name: string, ...args: readonly unknown[]) =>
  app.sendTask(name, { args, queue: name.slice(0, 2) })

describe('results in the tables of Python', () => {
  test('that Python made are read: values, with Python’s own types', async () => {
    const sent = await call('py.values')
    expect(await sent.get({ timeout: 20_000 })).toMatchObject({
      at: new Date('2026-01-02T03:04:05Z'),
      price: expect.objectContaining({}),
      set: [1],
      pair: [1, 2],
      3: null,
    })
    const [stored] = await (await coreOf(app).results()).get([sent.id])
    expect(stored?.extended).toMatchObject({
      name: 'py.values',
      args: [],
      kwargs: {},
      queue: 'py',
      retries: 0,
    })
    expect(Date.now() - Date.parse(stored?.dateDone ?? '')).toBeLessThan(60_000)
  })

  test('have the index of Celery 5.7 on when they ended, though Celery 5.2 made the table', async () => {
    const indexes = await python.run(`
from sqlalchemy import create_engine, inspect
engine = create_engine(app.conf.result_backend.removeprefix('db+'))
print(json.dumps([one['name'] for table in ('celery_taskmeta', 'celery_tasksetmeta') for one in inspect(engine).get_indexes(table)]))`)
    expect(JSON.parse(indexes)).toEqual(
      expect.arrayContaining(['ix_celery_taskmeta_date_done', 'ix_celery_tasksetmeta_date_done']),
    )
  })

  test('that Python made are told without a poll', async () => {
    const beforeMs = Date.now()
    for (let n = 0; n < 10; n++)
      expect(await (await call('py.echo', n)).get({ timeout: 20_000 })).toEqual([[n], {}])
    // Ten polls of two seconds would take longer.
    expect(Date.now() - beforeMs).toBeLessThan(10_000)
  })

  test('of Python’s failures are errors, with arguments and traceback', async () => {
    const sent = await call('py.fail')
    await expect(sent.get({ timeout: 20_000 })).rejects.toMatchObject({
      message: expect.stringContaining('boom'),
    })
    const [stored] = await (await coreOf(app).results()).get([sent.id])
    expect(stored).toMatchObject({
      state: 'FAILURE',
      result: { exc_type: 'ValueError', exc_message: ['boom', 42], exc_module: 'builtins' },
      traceback: expect.stringContaining('raise ValueError'),
    })
  })

  test('that hold an object of Python are refused, and never built', async () => {
    const sent = await call('py.object')
    const results = await openResultBackend(`db+${postgres.url()}`, {
      settings: {},
      clock: systemClock,
      logger: silentLogger,
    })
    await expect
      .poll(async () => (await results.get([sent.id]))[0]?.unreadable, { timeout: 20_000 })
      .toMatchObject({ code: 'LVG_RESULT_UNREADABLE', message: expect.stringContaining('tasks.Special') })
    await results.close()
  })

  test('that we made are read by Python: value, state and arguments', async () => {
    const { id } = await call('ts.values')
    const output = await python.run(`
      result = app.AsyncResult('${id}')
      value = result.get(timeout=20)
      print(json.dumps([value['list'], str(value['big']), value['nested'], result.state, result.name, result.args,
                        result.kwargs, result.worker, result.queue, result.date_done is not None]))`)
    expect(JSON.parse(output)).toEqual([
      [1, 2.5, 'é😀', null, true],
      String(2n ** 70n),
      { a: { b: [] } },
      'SUCCESS',
      'ts.values',
      [],
      {},
      'ts@localhost',
      'ts',
      true,
    ])
  })

  test('of our failures are raised by Python', async () => {
    const { id } = await call('ts.fail')
    const output = await python.run(`
      result = app.AsyncResult('${id}')
      try:
          result.get(timeout=20)
      except Exception as error:
          print(json.dumps([type(error).__name__, list(error.args), result.state, 'too far' in result.traceback]))`)
    expect(JSON.parse(output)).toEqual(['RangeError', ['too far'], 'FAILURE', true])
  })

  test('stand beside a group that Python saved, and are swept by Python’s clean-up', async () => {
    const { id } = await call('ts.values')
    const output = await python.run(`
      app.AsyncResult('${id}').get(timeout=20)
      saved = group(echo.s(n) for n in range(3)).apply_async()
      saved.save()
      values = saved.get(timeout=20)
      restored = app.GroupResult.restore(saved.id)
      app.conf.result_expires = 0.001
      app.backend.expires = datetime.timedelta(milliseconds=1)
      app.backend.cleanup()
      print(json.dumps([len(values), len(restored), app.AsyncResult('${id}').state]))`)
    expect(JSON.parse(output)).toEqual([3, 3, 'PENDING'])
  })
})
