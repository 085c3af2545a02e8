import { readFileSync } from 'node:fs'
import { z } from '@hono/zod-openapi'
import { type Context, Hono } from 'hono'
import { Action } from '../actions/action.js'
import type { ActionCount, ActionOutcome } from '../actions/dashboard-actions.js'
import type { DashboardEnv } from '../dashboard.js'
import type { TaskSummary } from '../history/task-entry.js'
import { json } from './page-routes.js'

const ms = z.number().nullable().describe('Unix ms')
const text = z.string().nullable()

/** A task in a list; the compiler checks it against `TaskSummary`. */
const Task: z.ZodType<TaskSummary> = z.object({
  key: z.number(),
  fleet: z.string(),
  id: z.string(),
  name: text,
  state: z.string(),
  worker: text,
  queue: text,
  args: text,
  kwargs: text,
  result: text,
  exception: text,
  runtime: z.number().nullable().describe('seconds'),
  retries: z.number().nullable(),
  eta: text,
  expires: text,
  percent: z.number().nullable(),
  seenMs: z.number(),
  changedMs: z.number(),
  sentMs: ms,
  receivedMs: ms,
  startedMs: ms,
  endedMs: ms,
  source: z.enum(['events', 'result', 'queue', 'dead-letter']),
})
const Outcome: z.ZodType<ActionOutcome> = z.object({
  status: z.enum(['done', 'begun', 'refused', 'failed']),
  message: z.string(),
  count: z.number().nullable(),
  jobId: z.string().exactOptional(),
  taskId: z.string().exactOptional(),
})
const Count: z.ZodType<ActionCount> = z.object({ count: z.number(), isExact: z.boolean() })
const Problem = z.object({ error: z.string() })
const Frame = z.object({
  fleet: z.string(),
  fleets: z.array(z.string()),
  nowMs: z.number(),
  readOnly: z.boolean(),
  troubles: z.array(
    z.object({
      kind: z.string(),
      message: z.string(),
      advice: z.string(),
      sinceMs: ms,
      action: z.string().optional(),
    }),
  ),
  gaps: z.array(
    z.object({
      fromMs: z.number(),
      toMs: ms,
      reason: z.string(),
      lostEvents: z.number().nullable(),
      filled: z.number(),
    }),
  ),
})
const TasksData = z.object({
  error: z.object({ message: z.string(), position: z.number(), length: z.number() }).nullable(),
  items: z.array(Task),
  next: z.number().nullable(),
  previous: z.number().nullable(),
  lookedBackToMs: ms,
  size: z.number(),
})

/** Pages by path, with the parameters that each takes in addition to `fleet` and `format`. */
const PAGES: readonly (readonly [path: string, summary: string, query: Readonly<Record<string, string>>])[] =
  [
    ['/', 'The overview: is anything stuck?', {}],
    [
      '/tasks',
      'What a search finds, a page of it',
      { q: 'the search', before: 'key', after: 'key', limit: '1 to 500' },
    ],
    ['/task/{id}', 'A task', {}],
    [
      '/queues',
      'Queues',
      { q: 'part of the name', sort: 'ready or name', after: 'place', limit: '1 to 500' },
    ],
    [
      '/queue/{name}',
      'A queue, looked into without consuming',
      { state: 'ready, delayed or unacked', after: 'cursor', limit: '1 to 500' },
    ],
    ['/workers', 'Workers', {}],
    ['/worker/{name}', 'A worker', {}],
    ['/schedules', 'The schedule', {}],
    [
      '/dead-letters',
      'Dead letters',
      { queue: '', task: '', reason: '', failedBeforeMs: 'Unix ms', after: 'cursor', limit: '1 to 500' },
    ],
    ['/dead-letter/{id}', 'A dead letter', {}],
    ['/workflows', 'Workflows', { before: 'key' }],
    ['/workflow/{id}', 'A workflow as a graph', {}],
    ['/webhooks', 'Endpoints, failing ones first', { tenant: 'default: default' }],
    [
      '/webhook/{id}',
      'An endpoint and its deliveries',
      { tenant: '', state: 'one of the states', after: 'cursor', limit: '1 to 500' },
    ],
    ['/webhook-delivery/{id}', 'A delivery and its attempts', { tenant: '' }],
    ['/limits', 'Pauses, rates, breakers', {}],
    ['/broker', 'The servers', {}],
    ['/audit', 'Who did what', { person: '', action: '', target: '', before: 'key', limit: '1 to 500' }],
    ['/jobs', 'Work in the background', {}],
  ]

type Schema = Readonly<Record<string, unknown>>
const schemaOf = (type: z.ZodType): Schema => z.toJSONSchema(type, { target: 'openapi-3.0', io: 'input' })
const ref = (name: string): Schema => ({ $ref: `#/components/schemas/${name}` })
const answer = (description: string, schema: Schema): Schema => ({
  description,
  content: { 'application/json': { schema } },
})

/** The dashboard's own interface, as OpenAPI 3. */
function openApiDocument(prefix: string, version: string): Schema {
  const paths = PAGES.map(
    ([path, summary, query]) => [`${prefix}${path}`, { get: pageOf(path, summary, query) }] as const,
  )
  const actions = {
    [`${prefix}/actions`]: {
      post: actionOf('Does something', {
        200: answer('It is done, or has begun', ref('Outcome')),
        403: answer('It is refused', ref('Outcome')),
        502: answer('It has failed', ref('Outcome')),
      }),
    },
    [`${prefix}/actions/count`]: {
      post: actionOf('How much an action would reach', { 200: answer('The count', ref('Count')) }),
    },
  }
  return {
    openapi: '3.0.3',
    info: { title: 'Lovage dashboard', version },
    paths: { ...Object.fromEntries(paths), ...actions },
    components: {
      schemas: {
        Action: schemaOf(Action),
        Outcome: schemaOf(Outcome),
        Count: schemaOf(Count),
        Problem: schemaOf(Problem),
        Task: schemaOf(Task),
        Frame: schemaOf(Frame),
        TasksData: schemaOf(TasksData),
      },
      securitySchemes: { basic: { type: 'http', scheme: 'basic' } },
    },
    security: [{ basic: [] }],
  }
}

function pageOf(path: string, summary: string, query: Readonly<Record<string, string>>): Schema {
  const named = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => ({
    name,
    in: 'path',
    required: true,
    schema: { type: 'string' },
  }))
  const asked = Object.entries({ ...query, fleet: 'one of the fleets; default: the first' }).map(
    ([name, description]) => ({
      name,
      in: 'query',
      description,
      schema: { type: 'string' },
    }),
  )
  const data =
    path === '/tasks'
      ? ref('TasksData')
      : { type: path === '/jobs' ? 'array' : 'object', ...(path === '/jobs' ? { items: {} } : {}) }
  return {
    summary,
    parameters: [
      ...named,
      ...asked,
      { name: 'format', in: 'query', schema: { type: 'string', enum: ['json'] } },
    ],
    responses: {
      200: answer('The page', {
        allOf: [ref('Frame'), { type: 'object', properties: { data }, required: ['data'] }],
      }),
      400: answer('A wrong value', ref('Problem')),
      404: answer('There is nothing of this name', ref('Problem')),
    },
  }
}

const actionOf = (summary: string, responses: Schema): Schema => ({
  summary,
  parameters: [{ name: 'fleet', in: 'query', schema: { type: 'string' } }],
  requestBody: { required: true, content: { 'application/json': { schema: ref('Action') } } },
  responses: { ...responses, 400: answer('It cannot be understood', ref('Problem')) },
})

/** Serves the document. */
export function openApiRoutes(prefix: string): Hono<DashboardEnv> {
  const app = new Hono<DashboardEnv>()
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
    version: string
  }
  const document = openApiDocument(prefix, version)
  app.get('/openapi.json', (c: Context) => json(c, document))
  return app
}
