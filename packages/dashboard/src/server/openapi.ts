import { readFileSync } from 'node:fs'
import { z } from '@hono/zod-openapi'
import { type Context, Hono } from 'hono'
import type { DashboardEnv } from '../access/dashboard-env.js'
import { Action } from '../actions/action.js'
import type { ActionCount, ActionOutcome } from '../actions/dashboard-actions.js'
import { json } from './page-routes.js'
import type { Pages } from './page-views.js'
import {
  AuditData,
  BrokerData,
  JobsData,
  LetterData,
  LettersData,
  LimitsData,
  OverviewData,
  QueueData,
  QueuesData,
  SchedulesData,
  WorkerData,
  WorkersData,
} from './schemas-of-operations.js'
import { SCALE_POLICY, Scale } from './schemas-of-scale.js'
import {
  AllTasksData,
  ms,
  Task,
  TaskData,
  TasksData,
  WorkflowData,
  WorkflowsData,
} from './schemas-of-tasks.js'
import { WebhookData, WebhookDeliveryData, WebhooksData } from './schemas-of-webhooks.js'

const Outcome: z.ZodType<ActionOutcome> = z.object({
  status: z.enum(['done', 'begun', 'refused', 'invalid', 'failed']),
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
/** The data of every page. */
const DATA: { readonly [Name in keyof Pages]: z.ZodType<Pages[Name]> } = {
  overview: OverviewData,
  tasks: TasksData,
  allTasks: AllTasksData,
  task: TaskData,
  queues: QueuesData,
  queue: QueueData,
  workers: WorkersData,
  worker: WorkerData,
  schedules: SchedulesData,
  letters: LettersData,
  letter: LetterData,
  workflows: WorkflowsData,
  workflow: WorkflowData,
  webhooks: WebhooksData,
  webhook: WebhookData,
  webhookDelivery: WebhookDeliveryData,
  limits: LimitsData,
  broker: BrokerData,
  audit: AuditData,
  jobs: JobsData,
}
/** The name of a page's data among the components: `TasksData`. */
const dataName = (name: string): string => `${name.slice(0, 1).toUpperCase()}${name.slice(1)}Data`

/** Pages by path, with the parameters that each takes in addition to `fleet` and `format`. */
const PAGES: readonly (readonly [
  path: string,
  name: keyof Pages,
  summary: string,
  query: Readonly<Record<string, string>>,
])[] = [
  ['/', 'overview', 'The overview: is anything stuck?', {}],
  [
    '/tasks',
    'tasks',
    'A page of search results',
    { q: 'the search', before: 'key', after: 'key', limit: '1 to 500' },
  ],
  ['/tasks/all', 'allTasks', 'How much a search finds', { q: 'the search' }],
  ['/task/{id}', 'task', 'A task', {}],
  [
    '/queues',
    'queues',
    'Queues',
    { q: 'part of the name', sort: 'ready or name', after: 'place', limit: '1 to 500' },
  ],
  [
    '/queue/{name}',
    'queue',
    'A queue, looked into without consuming',
    { state: 'ready, delayed or unacked', after: 'cursor', limit: '1 to 500' },
  ],
  ['/workers', 'workers', 'Workers', {}],
  ['/worker/{name}', 'worker', 'A worker', {}],
  ['/schedules', 'schedules', 'The schedule', {}],
  [
    '/dead-letters',
    'letters',
    'Dead letters',
    { queue: '', task: '', reason: '', failedBeforeMs: 'Unix ms', after: 'cursor', limit: '1 to 500' },
  ],
  ['/dead-letter/{id}', 'letter', 'A dead letter', {}],
  ['/workflows', 'workflows', 'Workflows', { before: 'key' }],
  ['/workflow/{id}', 'workflow', 'A workflow as a graph', {}],
  ['/webhooks', 'webhooks', 'Endpoints, failing ones first', { tenant: 'default: default' }],
  [
    '/webhook/{id}',
    'webhook',
    'An endpoint and its deliveries',
    { tenant: '', state: 'one of the states', after: 'cursor', limit: '1 to 500' },
  ],
  ['/webhook-delivery/{id}', 'webhookDelivery', 'A delivery and its attempts', { tenant: '' }],
  ['/limits', 'limits', 'Pauses, rates, breakers', {}],
  ['/broker', 'broker', 'The servers', {}],
  [
    '/audit',
    'audit',
    'Who did what',
    { person: '', action: '', target: '', before: 'key', limit: '1 to 500' },
  ],
  ['/jobs', 'jobs', 'Work in the background', {}],
]

type Schema = Readonly<Record<string, unknown>>
const schemaOf = (type: z.ZodType): Schema => z.toJSONSchema(type, { target: 'openapi-3.0', io: 'input' })
const ref = (name: string): Schema => ({ $ref: `#/components/schemas/${name}` })
const answer = (description: string, schema: Schema): Schema => ({
  description,
  content: { 'application/json': { schema } },
})

const FLEET = { fleet: 'one of the fleets; default: the first' }
const inPath = (name: string): Schema => ({ name, in: 'path', required: true, schema: { type: 'string' } })
const inQuery = ([name, description]: readonly [string, string]): Schema => ({
  name,
  in: 'query',
  description,
  schema: { type: 'string' },
})

const SCALE: Schema = {
  summary: 'The load of queues, and the replicas for it: for an autoscaler',
  parameters: [inPath('queues'), ...Object.entries({ ...SCALE_POLICY, ...FLEET }).map(inQuery)],
  responses: {
    200: answer('The load', ref('Scale')),
    400: answer('An impossible policy', ref('Problem')),
    404: answer('There is no such queue, or fleet', ref('Problem')),
    503: answer('The load is unknown: change nothing', ref('Problem')),
  },
}
const LIVE: Schema = {
  summary: 'An event `change` after each write to the history, and `ping` every 15 seconds',
  parameters: Object.entries(FLEET).map(inQuery),
  responses: {
    200: { description: 'Events', content: { 'text/event-stream': { schema: { type: 'string' } } } },
    404: answer('There is no such fleet', ref('Problem')),
  },
}

/** The dashboard's own interface, as OpenAPI 3. */
function openApiDocument(prefix: string, version: string): Schema {
  const paths = PAGES.map(
    ([path, name, summary, query]) =>
      [`${prefix}${path}`, { get: pageOf(path, name, summary, query) }] as const,
  )
  const actions = {
    [`${prefix}/actions`]: {
      post: actionOf('Performs an action', {
        200: answer('Done, or started', ref('Outcome')),
        400: answer('Invalid', { anyOf: [ref('Outcome'), ref('Problem')] }),
        403: answer('Refused', ref('Outcome')),
        502: answer('A server failed', ref('Outcome')),
      }),
    },
    [`${prefix}/actions/count`]: {
      post: actionOf('How many items an action would affect', { 200: answer('The count', ref('Count')) }),
    },
  }
  const others = {
    [`${prefix}/scale/{queues}`]: { get: SCALE },
    [`${prefix}/live`]: { get: LIVE },
    [`${prefix}/openapi.json`]: {
      get: { summary: 'This document', responses: { 200: answer('OpenAPI 3', { type: 'object' }) } },
    },
  }
  return {
    openapi: '3.0.3',
    info: { title: 'Lovage dashboard', version },
    paths: { ...Object.fromEntries(paths), ...actions, ...others },
    components: {
      schemas: {
        Action: schemaOf(Action),
        Outcome: schemaOf(Outcome),
        Count: schemaOf(Count),
        Problem: schemaOf(Problem),
        Task: schemaOf(Task),
        Scale: schemaOf(Scale),
        Frame: schemaOf(Frame),
        ...Object.fromEntries(Object.entries(DATA).map(([name, data]) => [dataName(name), schemaOf(data)])),
      },
      securitySchemes: { basic: { type: 'http', scheme: 'basic' } },
    },
    security: [{ basic: [] }],
  }
}

function pageOf(
  path: string,
  page: string,
  summary: string,
  query: Readonly<Record<string, string>>,
): Schema {
  const named = [...path.matchAll(/\{(\w+)\}/g)].map(([, name = '']) => inPath(name))
  const asked = Object.entries({ ...query, ...FLEET }).map(inQuery)
  const data = ref(dataName(page))
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
      400: answer('An invalid value', ref('Problem')),
      404: answer('Not found', ref('Problem')),
    },
  }
}

const actionOf = (summary: string, responses: Schema): Schema => ({
  summary,
  parameters: [{ name: 'fleet', in: 'query', schema: { type: 'string' } }],
  requestBody: { required: true, content: { 'application/json': { schema: ref('Action') } } },
  responses: { 400: answer('Invalid', ref('Problem')), ...responses },
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
