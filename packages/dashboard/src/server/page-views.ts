import type { Context } from 'hono'
import type { DashboardEnv } from '../access/dashboard-env.js'
import type { ActionOutcome } from '../actions/dashboard-actions.js'
import type {
  AuditPage,
  BrokerPage,
  JobLine,
  LetterPage,
  LettersPage,
  LimitsPage,
  SchedulesPage,
} from '../data/operations-pages.js'
import type { Overview } from '../data/overview.js'
import type { PageData } from '../data/page-frame.js'
import type { QueuePage, QueuesPage } from '../data/queues-page.js'
import type { TaskPage, TasksPage, WorkflowPage, WorkflowsPage } from '../data/tasks-page.js'
import type { WebhookDeliveryPage, WebhookPage, WebhooksPage } from '../data/webhooks-pages.js'
import type { WorkerPage, WorkersPage } from '../data/workers-page.js'

/** Everything that a search finds, counted before an action on it. */
export interface AllTasks {
  readonly q: string
  readonly count: number
  /** False when counting stopped at its limit: there are at least this many. */
  readonly isExact: boolean
}

/** All pages, by name. */
export interface Pages {
  overview: Overview
  tasks: TasksPage
  allTasks: AllTasks
  task: TaskPage
  queues: QueuesPage
  queue: QueuePage
  workers: WorkersPage
  worker: WorkerPage
  schedules: SchedulesPage
  letters: LettersPage
  letter: LetterPage
  workflows: WorkflowsPage
  workflow: WorkflowPage
  webhooks: WebhooksPage
  webhook: WebhookPage
  webhookDelivery: WebhookDeliveryPage
  limits: LimitsPage
  broker: BrokerPage
  audit: AuditPage
  jobs: readonly JobLine[]
}

/** The context of a view beyond its data. */
export interface ViewContext {
  readonly c: Context<DashboardEnv>
  readonly prefix: string
  /** The outcome of the action that redirected here. */
  readonly outcome: ActionOutcome | undefined
}

/** Renders a page as HTML. */
export type PageView<Data> = (
  page: PageData<Data>,
  context: ViewContext,
) => string | Promise<string> | { toString(): string }

/** The views of pages; a page without a view is shown as JSON. */
export type PageViews = { readonly [Name in keyof Pages]?: PageView<Pages[Name]> } & {
  /** Renders missing pages and invalid requests. */
  readonly problem?: (
    problem: { readonly status: number; readonly message: string },
    context: ViewContext,
  ) => string | Promise<string> | { toString(): string }
}
