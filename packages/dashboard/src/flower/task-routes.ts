import { type Context, Hono } from 'hono'
import { connectionsOf } from 'lovage/driver'
import type { DashboardEnv } from '../access/dashboard-env.js'
import type { Fleet } from '../fleets/fleet.js'
import { exceptionText } from '../values/exception-text.js'
import {
  answer,
  argument,
  callBody,
  FlowerError,
  floatArgument,
  knowsTask,
  READ_ONLY,
  reached,
} from './flower-request.js'
import { callOptions, sent } from './task-call.js'
import { taskDict } from './task-dict.js'
import { listTasks, SearchSyntax } from './task-list.js'

/** The ports of Flower's routes. */
export interface FlowerSource {
  readonly fleetOf: (name: string | undefined) => Fleet
  readonly readOnly: boolean
  /** The most tasks in a list. */
  readonly maxTasks: number
  /** Writes an action to the audit log. */
  readonly audit: (c: Context<DashboardEnv>, fleet: Fleet, action: string, target: string) => Promise<void>
}

const MOST_TYPES = 10_000
const WAIT_LIMIT_S = 3600
/** Tasks per piece of a list: about 64 KB. */
const MEMBERS = 64

/** Flower's interface to tasks. */
export function taskRoutes({ fleetOf, readOnly, maxTasks, audit }: FlowerSource): Hono<DashboardEnv> {
  const app = new Hono<DashboardEnv>()
  const fleetFor = (c: Context): Fleet => fleetOf(c.req.query('fleet'))
  const writable = (): void => {
    if (readOnly) throw new FlowerError(403, READ_ONLY)
  }

  const send = async (c: Context<DashboardEnv>, isKnownOnly: boolean) => {
    writable()
    const fleet = fleetFor(c)
    const name = c.req.param('name') ?? ''
    const { args, kwargs, options } = await callBody(c)
    if (isKnownOnly && !knowsTask(fleet, name)) throw new FlowerError(404, `Unknown task '${name}'`)
    const result = await sent(() => fleet.app.sendTask(name, { ...callOptions(options), args, kwargs }))
    await audit(c, fleet, 'task.send', `${name} ${result.id}`)
    return { fleet, result }
  }
  const withState = async (c: Context<DashboardEnv>, isKnownOnly: boolean): Promise<Response> => {
    const { fleet, result } = await send(c, isKnownOnly)
    const state = connectionsOf(fleet.app).hasResults ? { state: await reached(() => result.state()) } : {}
    return answer(c, { 'task-id': result.id, ...state })
  }

  app.post('/api/task/async-apply/:name{.+}', (c) => withState(c, true))
  app.post('/api/task/send-task/:name{.+}', (c) => withState(c, false))
  app.post('/api/task/apply/:name{.+}', async (c) => {
    const { fleet, result } = await send(c, true)
    if (!connectionsOf(fleet.app).hasResults) throw new FlowerError(503)
    await reached(() => result.get({ timeout: WAIT_LIMIT_S, propagate: false }))
    return answer(c, {
      'task-id': result.id,
      ...(await ended(fleet, result.id)),
      state: await result.state(),
    })
  })
  app.get('/api/task/result/:id{.+}', async (c) => {
    const fleet = fleetFor(c)
    const id = c.req.param('id')
    const timeout = Math.min((await floatArgument(c, 'timeout')) ?? 0, WAIT_LIMIT_S)
    if (timeout < 0) throw new FlowerError(400, `Invalid argument '${timeout}' of type 'float'`)
    if (!connectionsOf(fleet.app).hasResults) throw new FlowerError(503)
    return reached(async () => {
      const result = fleet.app.asyncResult(id)
      const state = await result.state()
      if (timeout) await result.get({ timeout, propagate: false })
      return answer(c, {
        'task-id': id,
        state,
        ...(timeout || (await result.ready()) ? await ended(fleet, id) : {}),
      })
    })
  })
  app.post('/api/task/abort/:id{.+}', async (c) => {
    writable()
    const fleet = fleetFor(c)
    const id = c.req.param('id')
    if (!connectionsOf(fleet.app).hasResults) throw new FlowerError(503)
    await reached(() => fleet.app.asyncResult(id).abort())
    await audit(c, fleet, 'task.abort', id)
    return answer(c, { message: `Aborted '${id}'` })
  })
  app.get('/api/tasks', async (c) => {
    const fleet = fleetFor(c)
    const only = async (name: string): Promise<string | undefined> => {
      const value = await argument(c, name)
      return value === undefined || value === '' || value === 'All' ? undefined : value
    }
    const fields = {
      sortBy: await only('sort_by'),
      worker: await only('workername'),
      name: await only('taskname'),
      state: await only('state'),
      receivedStart: await only('received_start'),
      receivedEnd: await only('received_end'),
      search: await only('search'),
      limit: await intOr(c, 'limit'),
    }
    const offset = Math.max(0, (await intOr(c, 'offset')) ?? 0)
    const given = Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined))
    try {
      const members = await reached(() => listTasks(fleet, { ...given, offset }, maxTasks))
      c.header('content-type', 'application/json; charset=UTF-8')
      return c.body(objectOf(members))
    } catch (error) {
      if (error instanceof SearchSyntax) return answer(c, { error: error.message }, 400)
      throw error
    }
  })
  app.get('/api/task/types', async (c) => {
    const facets = await reached(() => fleetFor(c).store.facets('name', MOST_TYPES))
    return answer(c, { 'task-types': facets.map(({ value }) => value).sort() })
  })
  app.get('/api/task/info/:id{.*}', async (c) => {
    const fleet = fleetFor(c)
    const id = c.req.param('id')
    const [task] = await reached(() => fleet.store.find([id]))
    if (!task) throw new FlowerError(404, `Unknown task '${id}'`)
    const family =
      task.rootId === null ? [] : await reached(() => fleet.store.family([task.rootId ?? id], 1000))
    return answer(
      c,
      taskDict(
        task,
        family.filter(({ parentId }) => parentId === id).map((child) => child.id),
      ),
    )
  })
  app.get('/api/queues/length', async (c) => {
    const fleet = fleetFor(c)
    const consumed = [...fleet.asked.known.values()].flatMap(({ active_queues: queues }) =>
      Array.isArray(queues) ? queues.flatMap(({ name }) => (typeof name === 'string' ? [name] : [])) : [],
    )
    const names = consumed.length > 0 ? consumed : [fleet.app.conf.taskDefaultQueue]
    const sorted = [...new Set(names)].sort()
    const depths = await reached(async () => (await connectionsOf(fleet.app).broker()).depths(sorted))
    return answer(c, {
      active_queues: sorted.map((name) => ({ name, messages: depths.get(name)?.ready ?? 0 })),
    })
  })
  return app
}

/** A JSON object in pieces, each as large as a socket takes at once: whole, a hundred thousand tasks would be held twice. */
function objectOf(members: readonly string[]): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder()
  let at = 0
  return new ReadableStream({
    pull(controller) {
      const some = members.slice(at, at + MEMBERS)
      const isLast = at + MEMBERS >= members.length
      controller.enqueue(encoder.encode(`${at === 0 ? '{' : ', '}${some.join(', ')}${isLast ? '}' : ''}`))
      at += MEMBERS
      if (isLast) controller.close()
    },
  })
}

async function ended(fleet: Fleet, id: string): Promise<Readonly<Record<string, unknown>>> {
  const [record] = await (await connectionsOf(fleet.app).results()).get([id])
  if (!record) return { result: null }
  if (record.state !== 'FAILURE') return { result: record.result }
  return { result: exceptionText(record.result) ?? record.result, traceback: record.traceback }
}

async function intOr(c: Context, name: string): Promise<number | undefined> {
  const text = await argument(c, name)
  if (text === undefined || text === '') return undefined
  if (!/^[+-]?\d+$/.test(text)) throw new FlowerError(400, `Invalid argument '${text}' of type 'int'`)
  return Number(text)
}
