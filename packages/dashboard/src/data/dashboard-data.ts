import type { AuditQuery } from '../history/audit-entry.js'
import type { WebhookDeliveryState } from '../webhooks/webhooks-port.js'
import type {
  AuditPage,
  BrokerPage,
  JobLine,
  LetterPage,
  LettersPage,
  LettersRequest,
  LimitsPage,
  SchedulesPage,
} from './operations-pages.js'
import type { Overview } from './overview.js'
import type { PageData } from './page-frame.js'
import type { QueuePage, QueuesPage } from './queues-page.js'
import type { TaskPage, TasksPage, TasksRequest, WorkflowPage, WorkflowsPage } from './tasks-page.js'
import type { WebhookDeliveryPage, WebhookPage, WebhooksPage } from './webhooks-pages.js'
import type { WorkerPage, WorkersPage } from './workers-page.js'

/**
 * The data of the pages: one method each, which also gives the page's JSON. `fleet` is a fleet's name; undefined is the first one. An
 * unreachable server causes a trouble in the frame and null in the data, never an exception. Unknown items are undefined.
 */
export interface DashboardData {
  overview(fleet: string | undefined): Promise<PageData<Overview>>
  tasks(fleet: string | undefined, request: TasksRequest): Promise<PageData<TasksPage>>
  task(fleet: string | undefined, id: string): Promise<PageData<TaskPage> | undefined>
  queues(
    fleet: string | undefined,
    request: {
      readonly q: string
      readonly sort: 'ready' | 'name'
      readonly after: number
      readonly limit: number
    },
  ): Promise<PageData<QueuesPage>>
  queue(
    fleet: string | undefined,
    name: string,
    request: {
      readonly state?: 'ready' | 'delayed' | 'unacked'
      readonly after?: string
      readonly limit: number
    },
  ): Promise<PageData<QueuePage>>
  workers(fleet: string | undefined): Promise<PageData<WorkersPage>>
  worker(fleet: string | undefined, hostname: string): Promise<PageData<WorkerPage> | undefined>
  schedules(fleet: string | undefined): Promise<PageData<SchedulesPage>>
  letters(fleet: string | undefined, request: LettersRequest): Promise<PageData<LettersPage>>
  letter(fleet: string | undefined, id: string): Promise<PageData<LetterPage> | undefined>
  workflows(fleet: string | undefined, before: number | undefined): Promise<PageData<WorkflowsPage>>
  workflow(fleet: string | undefined, rootId: string): Promise<PageData<WorkflowPage> | undefined>
  webhooks(fleet: string | undefined, tenant?: string): Promise<PageData<WebhooksPage>>
  webhook(
    fleet: string | undefined,
    id: string,
    request: {
      readonly tenant?: string
      readonly state?: WebhookDeliveryState
      readonly after?: string
      readonly limit: number
    },
  ): Promise<PageData<WebhookPage> | undefined>
  webhookDelivery(
    fleet: string | undefined,
    id: string,
    tenant?: string,
  ): Promise<PageData<WebhookDeliveryPage> | undefined>
  limits(fleet: string | undefined): Promise<PageData<LimitsPage>>
  broker(fleet: string | undefined): Promise<PageData<BrokerPage>>
  audit(fleet: string | undefined, query: AuditQuery): Promise<PageData<AuditPage>>
  /** Bulk jobs, newest first. */
  jobs(fleet: string | undefined): Promise<PageData<readonly JobLine[]>>
  /** Calls back soon after page data changed, at most once a second. */
  onChange(fleet: string | undefined, on: () => void): () => void
}
