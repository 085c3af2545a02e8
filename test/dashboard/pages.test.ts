import { chord, group, type Lovage, type Worker } from 'lovage'
import { createTestApp, startTestWorker, until } from 'lovage/testing'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { coreOf } from '../../packages/lovage/src/app/core/index.js'
import { FLEET_BROKERS } from '../control/brokers.js'
import { expectDescribed } from './described.js'
import { type AskedDashboard, askDashboard } from './fleet-page.js'

vi.setConfig({ testTimeout: 90_000 })
interface Graph {
  readonly nodes?: readonly { readonly id: string; readonly groupId: string | null; readonly state: string }[]
  readonly edges?: readonly { readonly from: string; readonly to: string }[]
}
const tasksOf = (app: Lovage) => ({
  add: app.task({ name: 'shop.add', params: ['x', 'y'], run: (_ctx, x: number, y: number) => x + y }),
  total: app.task({
    name: 'shop.total',
    run: (_ctx, sums: readonly number[]) => sums.reduce((a, b) => a + b, 0),
  }),
})
const patient = { timeoutMs: 30_000 }

describe.each(FLEET_BROKERS)('pages of a fleet on $name', ({ start }) => {
  let app: Lovage
  let client: Lovage
  let tasks: ReturnType<typeof tasksOf>
  let worker: Worker
  let dashboard: AskedDashboard
  const got = async (path: string) => (await dashboard.get(path)).body

  beforeAll(async () => {
    const broker = await start()
    const settings = {
      broker: broker.url,
      backend: broker.backend,
      coordinationUrl: broker.backend,
      env: {},
    } as const
    app = createTestApp('shop', settings)
    client = createTestApp('client', settings)
    tasks = tasksOf(app)
    app.task({
      name: 'shop.fail',
      run: () => {
        throw new RangeError('no stock')
      },
    })
    dashboard = await askDashboard({ main: client })
    worker = await startTestWorker(app, { hostname: 'w1@box' })
    await until(async () => (await got('/workers')).data.items.length === 1, patient)
    await client.control.enableEvents({ destination: 'w1@box', timeout: 20 })
  }, 120_000)
  afterAll(async () => {
    await dashboard[Symbol.asyncDispose]()
    await worker.stop()
    await app.close()
    await client.close()
  })

  test('a task goes from its call to its page, with its runs, its result and its arguments', async () => {
    const { id } = await client.sendTask('shop.add', { args: [1, 2] })
    await until(async () => {
      const { status, body } = await dashboard.get(`/task/${id}`)
      return status === 200 && (body.data.task as { state: string }).state === 'SUCCESS'
    }, patient)
    const { data } = await got(`/task/${id}`)
    expect(data).toMatchObject({
      task: { id, name: 'shop.add', state: 'SUCCESS', worker: 'w1@box', result: '3' },
      attempts: [{ number: 1, outcome: 'succeeded', worker: 'w1@box' }],
      result: { state: 'SUCCESS', value: '3' },
      editable: { args: '[\n  1,\n  2\n]', kwargs: '{}' },
      why: [],
      isLost: false,
    })
    expect(data.actions).toEqual(['task.retry', 'task.edit-retry'])
    const found = await got('/tasks?q=name:shop.add%20state:SUCCESS')
    expect(found.data.items.map((item) => item.id)).toContain(id)
  })

  test('a group and a chord that were called by themselves are a graph each, under every id of theirs', async () => {
    const { add, total } = tasks
    const chorded = await chord(group([add.s(1, 2), add.s(3, 4)]), total.s()).delay()
    const grouped = await group([add.s(5, 6), add.s(7, 8), add.s(9, 10)]).delay()
    const members = grouped.results.map(({ id }) => id)
    const graph = async (id: string) => {
      const { status, body } = await dashboard.get(`/workflow/${id}`)
      const { nodes = [], edges = [] } = status === 200 ? (body.data as unknown as Graph) : {}
      return { nodes, edges: edges.map(({ from, to }) => [from, to]) }
    }
    await until(async () => {
      const graphs = await Promise.all([chorded.id, grouped.id].map(graph))
      return graphs.every(
        ({ nodes }) => nodes.length === 3 && nodes.every(({ state }) => state === 'SUCCESS'),
      )
    }, patient)
    const { nodes, edges } = await graph(chorded.id)
    expect(nodes.find(({ id }) => id === chorded.id)).toMatchObject({ name: 'shop.total', layer: 1 })
    const header = nodes.filter(({ id }) => id !== chorded.id)
    expect(header).toMatchObject([{ layer: 0 }, { layer: 0 }])
    expect(edges).toEqual(expect.arrayContaining(header.map(({ id }) => [id, chorded.id])))
    expect(edges).toHaveLength(2)
    for (const { id, groupId } of nodes)
      for (const one of [id, groupId ?? '']) expect((await graph(one)).nodes).toEqual(nodes)
    for (const id of members) {
      const found = await graph(id)
      expect(found.nodes.map((node) => node.id).sort()).toEqual([...members].sort())
      expect(found.edges).toEqual([])
      expect((await got(`/task/${id}`)).data).toMatchObject({
        hasWorkflow: true,
        task: { groupId: grouped.id },
      })
    }
    const listed = (await got('/workflows')).data.items
    expect(listed).toHaveLength(2)
    for (const id of [grouped.id, header[0]?.groupId])
      expect(listed).toContainEqual(
        expect.objectContaining({ id, group: ['shop.add'], tasks: 3, counts: { SUCCESS: 3 } }),
      )
  })

  test('a failure is found by its error, and retried with the same arguments', async () => {
    const { id } = await client.sendTask('shop.fail')
    await until(async () => (await got('/tasks?q=error:"no+stock"')).data.items.length === 1, patient)
    const overview = await got('/')
    expect(overview.data.failures).toMatchObject([{ type: 'RangeError', count: 1 }])
    const { body } = await dashboard.act({ kind: 'task.retry', tasks: { ids: [id] } })
    expect(body).toMatchObject({ status: 'done', count: 1 })
    await until(async () => {
      const { data } = await got('/tasks?q=error:"no+stock"')
      return (
        data.items.length === 2 ||
        (data.items[0]?.id === id && Number((await got(`/task/${id}`)).data.attempts) !== 1)
      )
    }, patient)
    const audit = await got('/audit?action=task.retry')
    expect(audit.data.items[0]).toMatchObject({ person: 'ada', target: id, outcome: 'done', count: 1 })
  })

  test('what waits in a paused queue says so, is browsed without being consumed, and is purged', async () => {
    expect((await dashboard.act({ kind: 'queue.pause', queue: 'idle' })).body.status).toBe('done')
    const { id } = await client.sendTask('shop.add', { args: [4711, 2], queue: 'idle' })
    await until(async () => {
      const [line] = (await got('/queues?q=idle')).data.items
      return line?.ready === 1 && line.isPaused === true && line.consumers === 0
    }, patient)
    const { data } = await got('/queue/idle')
    const { capabilities } = await coreOf(client).broker()
    if (capabilities.browsing) {
      expect(data.items).toMatchObject([{ id, name: 'shop.add', args: '(4711, 2)', state: 'ready' }])
      const task = await got(`/task/${id}`)
      expect((task.data.why as { kind: string }[]).map(({ kind }) => kind)).toEqual(['paused', 'no-consumer'])
      expect(task.data).toMatchObject({
        queued: { queue: 'idle', state: 'ready', args: '[\n  4711,\n  2\n]' },
      })
    } else expect(data.items).toBeNull()
    const overview = await got('/')
    expect((overview.data.stuck as { message: string }[]).map(({ message }) => message)).toContain(
      '1 task waits in idle, which is paused.',
    )
    expect(
      (await dashboard.post('/actions/count', { kind: 'queue.purge', queue: 'idle', expected: 0 })).body
        .count,
    ).toBe(1)
    const purged = await dashboard.act({ kind: 'queue.purge', queue: 'idle', expected: 1 })
    expect(purged.body).toMatchObject({ status: 'done', count: 1 })
    expect((await dashboard.act({ kind: 'queue.resume', queue: 'idle' })).body.status).toBe('done')
  })

  test('everything that a search finds is counted, and then acted on in the background', async () => {
    for (let n = 0; n < 5; n++) await client.sendTask('shop.add', { args: [n, 800] })
    const search = 'name:shop.add args:800 state:SUCCESS'
    await until(
      async () => (await got(`/tasks?q=${encodeURIComponent(search)}`)).data.items.length === 5,
      patient,
    )
    const action = { kind: 'task.retry', tasks: { search, expected: 5 } }
    expect((await dashboard.post('/actions/count', action)).body).toEqual({ count: 5, isExact: true })
    const { body } = await dashboard.act(action)
    expect(body).toMatchObject({ status: 'begun', count: 5 })
    const jobs = async () =>
      (await got('/jobs')).data as unknown as { id: string; state: string; done: number }[]
    await until(async () => (await jobs())[0]?.state === 'done', patient)
    expect(await jobs()).toMatchObject([{ id: body.jobId, done: 5, failed: 0, person: 'ada' }])
    await until(
      async () => (await got(`/tasks?q=${encodeURIComponent(search)}`)).data.items.length === 10,
      patient,
    )
  })

  test('a worker’s page has everything that Flower shows of one', async () => {
    const { data } = await got('/worker/w1@box')
    expect(data.line).toMatchObject({
      hostname: 'w1@box',
      state: 'alive',
      tellsOfTasks: true,
      queues: ['celery'],
    })
    expect(data.registered).toContain('shop.add')
    expect(data.stats).toMatchObject({ pid: process.pid })
    expect(
      (await dashboard.act({ kind: 'worker.add-consumer', destination: 'w1@box', queue: 'extra' })).body
        .status,
    ).toBe('done')
    expect(
      (await dashboard.act({ kind: 'worker.pool-grow', destination: 'nobody@box', n: 1 })).body,
    ).toMatchObject({
      status: 'refused',
      message: 'nobody@box has not replied.',
    })
  })

  test('every page is as the description says', async () => {
    const { id } = await client.sendTask('shop.fail')
    await until(async () => (await got(`/tasks?q=id:${id} state:FAILURE`)).data.items.length === 1, patient)
    await client.sendTask('shop.add', { args: [1, 1], queue: 'described' })
    await expectDescribed(dashboard, {
      '/': '/',
      '/tasks': '/tasks?q=name:shop',
      '/tasks/all': '/tasks/all?q=name:shop',
      '/task/{id}': `/task/${id}`,
      '/queues': '/queues',
      '/queue/{name}': '/queue/described',
      '/workers': '/workers',
      '/worker/{name}': '/worker/w1@box',
      '/schedules': '/schedules',
      '/dead-letters': '/dead-letters',
      '/workflows': '/workflows',
      '/webhooks': '/webhooks',
      '/limits': '/limits',
      '/broker': '/broker',
      '/audit': '/audit',
      '/jobs': '/jobs',
    })
  })

  test('wrong searches say where, wrong values of a URL and unknown things are told', async () => {
    expect((await got('/tasks?q=state:')).data).toMatchObject({
      error: { position: 0, length: 6 },
      items: [],
    })
    expect(await dashboard.get('/tasks?limit=many')).toMatchObject({ status: 400 })
    expect(await dashboard.get('/task/nobody')).toMatchObject({ status: 404 })
    expect(await dashboard.get('/tasks?fleet=other')).toMatchObject({ status: 404 })
    expect(await dashboard.get('/nowhere')).toMatchObject({ status: 404 })
    expect(await dashboard.act({ kind: 'queue.burn', queue: 'x' })).toMatchObject({ status: 400 })
  })
})
