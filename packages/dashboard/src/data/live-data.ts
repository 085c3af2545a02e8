import type { Fleet } from '../fleets/fleet.js'
import type { AuditQuery } from '../history/audit-entry.js'
import { buildBroker, buildLetter, buildLetters, buildLimits, buildSchedules } from './build-operations.js'
import { buildOverview } from './build-overview.js'
import { buildQueue, buildQueues } from './build-queues.js'
import { buildTask } from './build-task.js'
import { buildTasks } from './build-tasks.js'
import { buildWebhook, buildWebhookDelivery, buildWebhooks } from './build-webhooks.js'
import { buildWorker, buildWorkers } from './build-workers.js'
import { buildWorkflow, buildWorkflows } from './build-workflow.js'
import type { DashboardData } from './dashboard-data.js'
import { framed, type PageSource } from './frame.js'
import type { JobLine } from './operations-pages.js'
import type { PageData } from './page-frame.js'

/** The source of the pages' data on watched fleets. */
export interface LiveSource extends PageSource {
  /** Bulk jobs, newest first. */
  readonly jobs: (fleet: Fleet) => Promise<readonly JobLine[]>
}

const CHANGES_MS = 1_000

/** The data of all pages, from the fleets' current state and their histories. */
export function liveData(source: LiveSource): DashboardData {
  const fleetOf = (name: string | undefined): Fleet => {
    const [first] = source.fleets.values()
    const fleet = name === undefined ? first : source.fleets.get(name)
    if (!fleet) throw new UnknownFleetError(name ?? '', [...source.fleets.keys()])
    return fleet
  }
  const page = async <Data>(
    name: string | undefined,
    build: (fleet: Fleet) => Promise<Data>,
  ): Promise<PageData<Data>> => {
    const fleet = fleetOf(name)
    return framed(source, fleet, await build(fleet))
  }
  const known = async <Data>(
    name: string | undefined,
    build: (fleet: Fleet) => Promise<Data | undefined>,
  ): Promise<PageData<Data> | undefined> => {
    const fleet = fleetOf(name)
    const data = await build(fleet)
    return data === undefined ? undefined : framed(source, fleet, data)
  }
  return {
    overview: (fleet) => page(fleet, buildOverview),
    tasks: (fleet, request) => page(fleet, (one) => buildTasks(one, request)),
    task: (fleet, id) => known(fleet, (one) => buildTask(one, id)),
    queues: (fleet, request) => page(fleet, (one) => buildQueues(one, request)),
    queue: (fleet, name, request) => page(fleet, (one) => buildQueue(one, name, request)),
    workers: (fleet) => page(fleet, buildWorkers),
    worker: (fleet, hostname) => known(fleet, (one) => buildWorker(one, hostname)),
    schedules: (fleet) => page(fleet, buildSchedules),
    letters: (fleet, request) => page(fleet, (one) => buildLetters(one, request)),
    letter: (fleet, id) => known(fleet, (one) => buildLetter(one, id)),
    workflows: (fleet, before) => page(fleet, (one) => buildWorkflows(one, before)),
    workflow: (fleet, rootId) => known(fleet, (one) => buildWorkflow(one, rootId)),
    webhooks: (fleet, tenant) => page(fleet, (one) => buildWebhooks(one, tenant)),
    webhook: (fleet, id, request) => known(fleet, (one) => buildWebhook(one, id, request)),
    webhookDelivery: (fleet, id, tenant) => known(fleet, (one) => buildWebhookDelivery(one, id, tenant)),
    limits: (fleet) => page(fleet, buildLimits),
    broker: (fleet) => page(fleet, (one) => buildBroker(one, one.intake.perSecond())),
    audit: (fleet, query) => page(fleet, (one) => auditPage(one, query)),
    jobs: (fleet) => page(fleet, (one) => source.jobs(one)),
    onChange: (fleet, on) => throttled(fleetOf(fleet), on),
  }
}

/** The error for a fleet that the dashboard does not watch. */
export class UnknownFleetError extends Error {
  constructor(name: string, known: readonly string[]) {
    super(`There is no fleet ${JSON.stringify(name)} here; known fleets are ${known.join(', ')}.`)
    this.name = 'UnknownFleetError'
  }
}

async function auditPage(fleet: Fleet, query: AuditQuery) {
  const items = (await fleet.tried('history', () => fleet.store.auditTrail(query))) ?? []
  return { items, next: items.length < query.limit ? null : (items.at(-1)?.key ?? null) }
}

/** Calls back soon after a change, then at most once a second. */
function throttled(fleet: Fleet, on: () => void): () => void {
  let timer: NodeJS.Timeout | undefined
  let lastMs = 0
  const end = fleet.intake.onChange(() => {
    if (timer) return
    timer = setTimeout(
      () => {
        timer = undefined
        lastMs = Date.now()
        on()
      },
      Math.max(0, lastMs + CHANGES_MS - Date.now()),
    )
  })
  return () => {
    end()
    clearTimeout(timer)
  }
}
