import { chain, group, Lovage } from 'lovage'
import { startTestWorker, until } from 'lovage/testing'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { coreOf } from '../../packages/lovage/src/app/core/index.js'
import { AmqpConnection, parseAmqpUrls } from '../../packages/lovage/src/drivers/amqp/client/index.js'
import { newId, silentLogger } from '../../packages/lovage/src/kernel/index.js'
import { pythonCelery, type RabbitServer, runPython, startRabbit } from '../servers.js'

const WAIT = { timeout: 60 }
const PATIENCE = { timeoutMs: 60_000 }

let rabbit: RabbitServer
const opened: { close(): Promise<unknown> }[] = []
beforeAll(async () => {
  rabbit = await startRabbit()
}, 150_000)
afterEach(async () => {
  for (const one of opened.splice(0).reverse()) await one.close()
})
afterAll(async () => {
  await rabbit?.stop()
})

function openApp(settings: Readonly<Record<string, unknown>> = {}): Lovage {
  const app = new Lovage('shop', {
    broker: rabbit.url(),
    backend: 'rpc://',
    env: {},
    logger: silentLogger,
    ...settings,
  })
  opened.push(app)
  return app
}

/** Runs the tasks of these tests on a queue of its own. */
async function startWorker(queue: string): Promise<Lovage> {
  const app = openApp()
  app.task({ name: 'add', run: (_ctx, x: number, y: number) => x + y })
  app.task({
    name: 'fail',
    run: () => {
      throw new RangeError('too much')
    },
  })
  app.task({
    name: 'steps',
    run: async (ctx) => {
      await ctx.updateState('PROGRESS', { percent: 50 })
      return 'done'
    },
  })
  app.task({
    name: 'later',
    maxRetries: 3,
    run: (ctx) => {
      if (ctx.retries === 0) throw ctx.retry({ countdown: 0.05 })
      return ctx.retries
    },
  })
  app.task({ name: 'instead', run: (ctx) => ctx.replace(app.signature('add', { args: [40, 2], queue })) })
  const worker = await startTestWorker(app, { queues: [queue] })
  opened.push({ close: () => worker.stop() })
  return app
}

const own = () => `q-${newId()}`

describe('results by rpc', { timeout: 120_000 }, () => {
  it('come to whoever sent the task: values, failures, states of its own, retries, replacements', async () => {
    const queue = own()
    await startWorker(queue)
    const client = openApp()
    const added = await client.sendTask('add', { args: [1, 2], queue })
    expect(await added.get(WAIT)).toBe(3)
    expect(await client.asyncResult(added.id).state()).toBe('SUCCESS')
    await expect((await client.sendTask('fail', { queue })).get(WAIT)).rejects.toMatchObject({
      name: 'TaskError',
      message: 'RangeError: too much',
    })
    const states: string[] = []
    const steps = await client.sendTask('steps', { queue })
    await steps.watch(({ state }) => void states.push(state))
    expect(await steps.get(WAIT)).toBe('done')
    expect(states.at(-1)).toBe('SUCCESS')
    expect(await (await client.sendTask('later', { queue })).get(WAIT)).toBe(1)
    expect(await (await client.sendTask('instead', { queue })).get(WAIT)).toBe(42)
    await expect((await client.sendTask('nobody.knows', { queue })).get(WAIT)).rejects.toMatchObject({
      code: 'LVG_TASK_NOT_REGISTERED',
    })
  })

  it('of chains and groups come too, also when a step fails; chords are one clear error before anything is sent', async () => {
    const queue = own()
    await startWorker(queue)
    const client = openApp()
    const add = (...args: number[]) => client.signature('add', { args, queue })
    const chained = await chain([add(1, 1), add(2), add(3)]).delay()
    expect(await chained.get(WAIT)).toBe(7)
    const side = await group([add(1, 1), add(2, 2)]).delay()
    expect(await side.get(WAIT)).toEqual([2, 4])
    const doomed = await chain([client.signature('fail', { queue }), add(1)]).delay()
    await expect(doomed.get(WAIT)).rejects.toMatchObject({ message: 'RangeError: too much' })
    const sum = client.signature('sum', { queue })
    for (const canvas of [
      chain([group([add(1, 1), add(2, 2)]), sum]),
      chain([add(1, 1), group([add(1), add(2)]), sum]),
    ])
      await expect(canvas.delay()).rejects.toMatchObject({
        code: 'LVG_CAPABILITY_MISSING',
        message: expect.stringContaining('chord'),
      })
    expect((await (await coreOf(client).broker()).depths([queue])).get(queue)).toMatchObject({ ready: 0 })
    await expect(side.save()).rejects.toMatchObject({ name: 'ResultError' })
    await expect(chained.abort?.()).rejects.toMatchObject({ code: 'LVG_CAPABILITY_MISSING' })
  })

  it('that came while nobody asked are there afterwards, and belong to their sender alone', async () => {
    const queue = own()
    const client = openApp()
    const stranger = openApp()
    const sent = await Promise.all(
      Array.from({ length: 300 }, (_, n) => client.sendTask('add', { args: [n, 1], queue })),
    )
    await startWorker(queue)
    const broker = await coreOf(client).broker()
    await until(async () => (await broker.depths([queue])).get(queue)?.ready === 0, PATIENCE)
    const values = await Promise.all(sent.map((result) => result.get(WAIT)))
    expect(values).toEqual(sent.map((_, n) => n + 1))
    expect(await stranger.asyncResult(sent[0]?.id ?? '').state()).toBe('PENDING')
    await sent[0]?.forget()
    expect(await client.asyncResult(sent[0]?.id ?? '').state()).toBe('PENDING')
  })

  it('outlive a lost connection, and go on after one', async () => {
    const queue = own()
    const client = openApp()
    const before = await client.sendTask('add', { args: [1, 1], queue })
    // Nobody works yet: the client waits, and loses its connections meanwhile.
    const waiting = before.get(WAIT)
    await until(async () => (await rabbit.ctl('list_consumers')).includes('lovage-'), PATIENCE)
    await rabbit.ctl('close_all_connections', 'gone')
    await startWorker(queue)
    expect(await waiting).toBe(2)
    expect(await (await client.sendTask('add', { args: [2, 2], queue })).get(WAIT)).toBe(4)
  })

  it('lie in a queue that goes when its app is closed', async () => {
    const client = openApp()
    const { replyTo = '' } = coreOf(client)
    await client.sendTask('add', { args: [1, 1], queue: own() })
    const connection = new AmqpConnection(parseAmqpUrls(rabbit.url()), 'test', silentLogger)
    opened.push(connection)
    const channel = await connection.channel()
    expect(await channel.inspectQueue(replyTo)).toEqual({ messages: 0, consumers: 0 })
    await client.close()
    await expect(channel.inspectQueue(replyTo)).rejects.toMatchObject({ details: { replyCode: 404 } })
  })

  it('go to Python and come from Python as its own do', async () => {
    const queue = own()
    await startWorker(queue)
    const python = { broker: rabbit.url(), backend: 'rpc://' }
    const answers = await runPython(
      `
      added = app.send_task('add', (20, 22), queue='${queue}')
      failed = app.send_task('fail', queue='${queue}')
      steps = app.send_task('later', queue='${queue}')
      print(json.dumps([added.get(timeout=60), repr(failed.get(timeout=60, propagate=False)), failed.status, steps.get(timeout=60)]))
      `,
      python,
    )
    expect(JSON.parse(answers)).toEqual([42, "RangeError('too much')", 'FAILURE', 1])

    const source = `
      @app.task(name='python.add')
      def add(x, y):
          return x + y
      @app.task(name='python.fail')
      def fail():
          raise ValueError('no')
    `
    const there = own()
    await using _ = await pythonCelery({ ...python, source, args: ['-P', 'solo', '-Q', there] })
    const client = openApp()
    const add = (...args: number[]) => client.signature('python.add', { args, queue: there })
    expect(await (await client.sendTask('python.add', { args: [1, 2], queue: there })).get(WAIT)).toBe(3)
    expect(await (await chain([add(1, 2), add(3)]).delay()).get(WAIT)).toBe(6)
    await expect((await client.sendTask('python.fail', { queue: there })).get(WAIT)).rejects.toMatchObject({
      message: 'ValueError: no',
    })
  })

  it('carry what resultExtended adds, in both directions, as Celery 5.7 does', async () => {
    const [ours, there] = [own(), own()]
    const app = openApp({ resultExtended: true })
    app.task({ name: 'add', params: ['x', 'y'], run: (_ctx, x: number, y: number) => x + y })
    const worker = await startTestWorker(app, { queues: [ours], hostname: 'ts@box' })
    opened.push({ close: () => worker.stop() })
    const answer = await runPython(
      `
      added = app.send_task('add', (20,), {'y': 22}, queue='${ours}')
      added.get(timeout=60)
      print(json.dumps({key: getattr(added, key) for key in ('name', 'args', 'kwargs', 'worker', 'retries', 'queue')}))
      `,
      { broker: rabbit.url(), backend: 'rpc://' },
    )
    expect(JSON.parse(answer)).toEqual({
      name: 'add',
      args: [20],
      kwargs: { y: 22 },
      worker: 'ts@box',
      retries: 0,
      queue: ours,
    })
    // Celery 5.2 leaves these fields out of its replies; 5.7 fills them as its other backends do.
    const client = openApp()
    const sent = await client.sendTask('python.add', { args: [1, 2], queue: there })
    const reply = {
      task_id: sent.id,
      status: 'SUCCESS',
      result: 3,
      traceback: null,
      children: [],
      date_done: '2026-11-20T20:02:48.839355+00:00',
      name: 'python.add',
      args: [1, 2],
      kwargs: {},
      worker: 'py@box',
      retries: 0,
      queue: there,
    }
    await runPython(
      `
      with app.producer_pool.acquire() as producer:
          producer.publish(${JSON.stringify(reply).replace('"traceback":null', '"traceback":None')}, exchange='', routing_key='${coreOf(client).replyTo}',
                           correlation_id='${sent.id}', serializer='json', delivery_mode=1)
      `,
      { broker: rabbit.url(), backend: 'rpc://' },
    )
    expect(await sent.get(WAIT)).toBe(3)
    expect((await sent.info())?.extended).toMatchObject({
      name: 'python.add',
      args: [1, 2],
      worker: 'py@box',
    })
  })

  it('are refused where the broker is no RabbitMQ', async () => {
    const app = openApp({ broker: 'memory://rpc' })
    await expect(app.sendTask('add', { args: [1, 2] })).rejects.toMatchObject({
      code: 'LVG_CONFIG_INVALID',
      hint: expect.stringContaining('amqp://'),
    })
  })
})
