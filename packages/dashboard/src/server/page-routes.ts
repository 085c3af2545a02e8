import { type Context, Hono } from 'hono'
import { streamSSE } from 'hono/streaming'
import type { DashboardEnv } from '../access/dashboard-env.js'
import { Invalid } from '../actions/refused.js'
import { UnknownFleetError } from '../data/live-data.js'
import type { PageData } from '../data/page-frame.js'
import type { DashboardParts } from '../opening/dashboard.js'
import { toJson } from '../values/lossless-json.js'
import { DELIVERY_STATES } from '../webhooks/webhooks-port.js'
import type { Outcomes } from './outcomes.js'
import type { Pages, PageView, PageViews, ViewContext } from './page-views.js'
import { BadRequest, intOf, textOf, wantsJson, wordOf } from './request-values.js'

type C = Context<DashboardEnv>
type Load<Name extends keyof Pages> = (
  c: C,
  fleet: string | undefined,
) => Promise<PageData<Pages[Name]> | undefined>

const MOST = 500
const PING_MS = 15_000

/** All pages: each is HTML to a browser, and the same as JSON to a program, under the same URL. */
export function pageRoutes(
  { data, actions, prefix }: DashboardParts,
  views: PageViews,
  outcomes: Outcomes,
): Hono<DashboardEnv> {
  const app = new Hono<DashboardEnv>()
  const contextOf = (c: C): ViewContext => ({ c, prefix, outcome: outcomes.take(c.req.query('said')) })
  const page = <Name extends keyof Pages>(name: Name, path: string, load: Load<Name>): void => {
    app.get(path, async (c) => {
      const loaded = await load(c, textOf(c, 'fleet', 64))
      if (!loaded) return problem(c, 404, 'There is nothing of this name.')
      // The compiler sees the union of all views; each belongs to its own page.
      const view = views[name] as PageView<Pages[Name]> | undefined
      if (!view || wantsJson(c)) return json(c, loaded)
      return c.html(String(await view(loaded, contextOf(c))))
    })
  }
  const problem = async (c: C, status: 400 | 404 | 500, message: string): Promise<Response> => {
    if (!views.problem || wantsJson(c)) return json(c, { error: message }, status)
    return c.html(String(await views.problem({ status, message }, contextOf(c))), status)
  }

  page('overview', '/', (_c, fleet) => data.overview(fleet))
  page('tasks', '/tasks', (c, fleet) => {
    const [before, after] = [intOf(c, 'before'), intOf(c, 'after')]
    return data.tasks(fleet, {
      q: textOf(c, 'q', 4096) ?? '',
      limit: intOf(c, 'limit', 1, MOST) ?? 50,
      ...(before === undefined ? {} : { before }),
      ...(after === undefined ? {} : { after }),
    })
  })
  page('allTasks', '/tasks/all', async (c, fleet) => {
    const q = textOf(c, 'q', 4096) ?? ''
    const [{ data: _, ...frame }, counted] = await Promise.all([
      data.jobs(fleet),
      actions.count(fleet, { kind: 'task.revoke', tasks: { search: q, expected: 0 } }),
    ])
    return { ...frame, data: { q, ...counted } }
  })
  page('task', '/task/:id{.+}', (c, fleet) => data.task(fleet, param(c, 'id')))
  page('queues', '/queues', (c, fleet) =>
    data.queues(fleet, {
      q: textOf(c, 'q') ?? '',
      sort: wordOf(c, 'sort', ['ready', 'name']) ?? 'ready',
      after: intOf(c, 'after') ?? 0,
      limit: intOf(c, 'limit', 1, MOST) ?? 100,
    }),
  )
  page('queue', '/queue/:name{.+}', (c, fleet) => {
    const [state, after] = [wordOf(c, 'state', ['ready', 'delayed', 'unacked']), textOf(c, 'after')]
    return data.queue(fleet, param(c, 'name'), {
      limit: intOf(c, 'limit', 1, MOST) ?? 50,
      ...(state === undefined ? {} : { state }),
      ...(after === undefined ? {} : { after }),
    })
  })
  page('workers', '/workers', (_c, fleet) => data.workers(fleet))
  page('worker', '/worker/:name{.+}', (c, fleet) => data.worker(fleet, param(c, 'name')))
  page('schedules', '/schedules', (_c, fleet) => data.schedules(fleet))
  page('letters', '/dead-letters', (c, fleet) => {
    const [queue, task, reason, after] = [
      textOf(c, 'queue'),
      textOf(c, 'task'),
      textOf(c, 'reason'),
      textOf(c, 'after'),
    ]
    const failedBeforeMs = intOf(c, 'failedBeforeMs')
    return data.letters(fleet, {
      limit: intOf(c, 'limit', 1, MOST) ?? 50,
      ...(queue === undefined ? {} : { queue }),
      ...(task === undefined ? {} : { task }),
      ...(reason === undefined ? {} : { reason }),
      ...(after === undefined ? {} : { after }),
      ...(failedBeforeMs === undefined ? {} : { failedBeforeMs }),
    })
  })
  page('letter', '/dead-letter/:id{.+}', (c, fleet) => data.letter(fleet, param(c, 'id')))
  page('workflows', '/workflows', (c, fleet) => data.workflows(fleet, intOf(c, 'before')))
  page('workflow', '/workflow/:id{.+}', (c, fleet) => data.workflow(fleet, param(c, 'id')))
  page('webhooks', '/webhooks', (c, fleet) => data.webhooks(fleet, textOf(c, 'tenant', 256)))
  page('webhook', '/webhook/:id{.+}', (c, fleet) => {
    const [tenant, state, after] = [
      textOf(c, 'tenant', 256),
      wordOf(c, 'state', DELIVERY_STATES),
      textOf(c, 'after'),
    ]
    return data.webhook(fleet, param(c, 'id'), {
      limit: intOf(c, 'limit', 1, MOST) ?? 50,
      ...(tenant === undefined ? {} : { tenant }),
      ...(state === undefined ? {} : { state }),
      ...(after === undefined ? {} : { after }),
    })
  })
  page('webhookDelivery', '/webhook-delivery/:id{.+}', (c, fleet) =>
    data.webhookDelivery(fleet, param(c, 'id'), textOf(c, 'tenant', 256)),
  )
  page('limits', '/limits', (_c, fleet) => data.limits(fleet))
  page('broker', '/broker', (_c, fleet) => data.broker(fleet))
  page('audit', '/audit', (c, fleet) => {
    const [person, action, target, before] = [
      textOf(c, 'person'),
      textOf(c, 'action'),
      textOf(c, 'target'),
      intOf(c, 'before'),
    ]
    return data.audit(fleet, {
      limit: intOf(c, 'limit', 1, MOST) ?? 100,
      ...(person === undefined ? {} : { person }),
      ...(action === undefined ? {} : { action }),
      ...(target === undefined ? {} : { target }),
      ...(before === undefined ? {} : { before }),
    })
  })
  page('jobs', '/jobs', (_c, fleet) => data.jobs(fleet))

  app.get('/live', (c) => {
    const fleet = textOf(c, 'fleet', 64)
    let tell = (): void => {}
    // Before the answer has begun, so that an unknown fleet is refused.
    const end = data.onChange(fleet, () => tell())
    return streamSSE(c, async (stream) => {
      tell = () => void stream.writeSSE({ event: 'change', data: '' })
      stream.onAbort(end)
      while (!stream.aborted) {
        await stream.writeSSE({ event: 'ping', data: '' })
        await stream.sleep(PING_MS)
      }
    })
  })
  app.all('*', (c) => problem(c, 404, 'There is no such page.'))
  app.onError((error, c) => {
    if (error instanceof BadRequest || error instanceof Invalid) return problem(c, 400, error.message)
    if (error instanceof UnknownFleetError) return problem(c, 404, error.message)
    throw error
  })
  return app
}

const param = (c: C, name: string): string => c.req.param(name) ?? ''

/** Responds with JSON in which integers of any size are exact. */
export function json(
  c: Context,
  value: unknown,
  status: 200 | 400 | 403 | 404 | 409 | 500 | 502 = 200,
): Response {
  return c.body(toJson(value), status, { 'content-type': 'application/json; charset=utf-8' })
}
