import type { ServerParts } from '../server/dashboard-app.js'
import type { PageViews } from '../server/page-views.js'
import { assetRoutes } from './assets.js'
import { lettersView, letterView } from './letters.js'
import { auditView, brokerView, jobsView, limitsView } from './operations.js'
import { overviewView } from './overview.js'
import { problemView } from './problem.js'
import { queuesView, queueView } from './queues.js'
import { schedulesView } from './schedules.js'
import { taskView } from './task.js'
import { allTasksView, tasksView } from './tasks.js'
import { webhookDeliveryView, webhooksView, webhookView } from './webhooks.js'
import { workersView, workerView } from './workers.js'
import { workflowsView, workflowView } from './workflows.js'

export { assetRoutes } from './assets.js'
export { signInView } from './sign-in.js'

/** The pages as HTML. */
export const pageViews: PageViews = {
  overview: overviewView,
  tasks: tasksView,
  allTasks: allTasksView,
  task: taskView,
  queues: queuesView,
  queue: queueView,
  workers: workersView,
  worker: workerView,
  schedules: schedulesView,
  letters: lettersView,
  letter: letterView,
  workflows: workflowsView,
  workflow: workflowView,
  webhooks: webhooksView,
  webhook: webhookView,
  webhookDelivery: webhookDeliveryView,
  limits: limitsView,
  broker: brokerView,
  audit: auditView,
  jobs: jobsView,
  problem: problemView,
}

/**
 * The parts of a server that show its pages to people: HTML, styles and scripts. Without them a server speaks JSON alone.
 *
 * @example
 * import { dashboardApp, dashboardPages, openDashboard } from '@lovage/dashboard'
 * const dashboard = await openDashboard({ fleets: [{ name: 'shop', app }], urlPrefix: '/admin/tasks' })
 * const { fetch } = dashboardApp(dashboard, {
 *   ...dashboardPages(),
 *   access: async (c, next) => {
 *     c.set('person', { name: 'ada', role: 'operator' })
 *     await next()
 *   },
 * })
 */
export const dashboardPages = (): Required<Pick<ServerParts, 'views' | 'open'>> => ({
  views: pageViews,
  open: [assetRoutes()],
})
