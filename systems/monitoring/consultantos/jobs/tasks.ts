import { z } from 'zod'
import { type Alert, alertOf, raiseAlert } from '../alerts/alert.js'
import { deliver } from '../alerts/channels.js'
import { aggregateDay, removeOld } from '../analysis/aggregate.js'
import { analyse } from '../analysis/analyse.js'
import { trainAll } from '../analysis/anomaly.js'
import { data } from '../data.js'
import { checkPage } from '../pages/check.js'
import { Unfit } from '../pages/fetch-page.js'
import { dueMonitors, monitorOf, noteSent } from '../pages/monitor.js'
import { app } from './app.js'

const NAME = 'consultantos.jobs.tasks'
const POLICY = {
  autoretryFor: [Error],
  dontAutoretryFor: [Unfit],
  throws: [Unfit],
  // What failed for good is kept, to be looked at and sent again.
  deadLetter: 'failures',
  retryBackoff: true,
  retryBackoffMax: 600,
  retryJitter: true,
  maxRetries: 3,
} as const
const DAY_MS = 86_400_000
/** For how long it is known which checks were sent. */
const SENT_MS = 3_600_000

/** Fetches a monitor's page, keeps a snapshot with what has changed, and raises alerts. */
export const checkMonitorTask = app.task({
  ...POLICY,
  name: `${NAME}.check_monitor_task`,
  input: z.object({ monitor_id: z.string().min(1) }),
  params: ['monitor_id'],
  run: async (ctx, { monitor_id }) => {
    const monitor = await monitorOf(monitor_id)
    const { snapshot, findings } = await checkPage(monitor, ctx.id, app.clock.now(), ctx.signal)
    const alerts: string[] = []
    for (const finding of findings) {
      const id = `${ctx.id}:${finding.kind}`
      await raiseAlert(await data(), { id, monitor_id, ...finding }, app.clock.now())
      await processAlertTask.applyAsync({ alert_id: id }, { once: { key: `alert:${id}`, ttlMs: DAY_MS } })
      alerts.push(finding.kind)
    }
    return {
      monitor_id,
      status: snapshot.status,
      changed: snapshot.changed,
      duration_ms: snapshot.duration_ms,
      alerts,
    }
  },
})

/** Every minute: sends a check of each monitor that is due. */
export const checkScheduledMonitorsTask = app.task({
  ...POLICY,
  name: `${NAME}.check_scheduled_monitors_task`,
  expires: 120,
  run: async () => {
    const db = await data()
    const due = await dueMonitors(db, app.clock.now())
    // Sent first, noted after: a run that dies in between is repeated, and the broker drops what it knows. RabbitMQ knows nothing: there the
    // same check may come twice, under one id, and keeps one snapshot.
    await checkMonitorTask.applyAsyncMany(
      due.map(({ id, next_due_ms }) => {
        const key = `check:${id}:${next_due_ms}`
        return { args: { monitor_id: id }, options: { taskId: key, once: { key, ttlMs: SENT_MS } } }
      }),
    )
    await noteSent(db, due, app.clock.now())
    return { sent: due.length }
  },
})

/** Tells people of an alert, by mail, Slack and webhook as its monitor says. A channel that was told is not told again by a retry. */
export const processAlertTask = app.task({
  ...POLICY,
  name: `${NAME}.process_alert_task`,
  input: z.object({ alert_id: z.string().min(1) }),
  params: ['alert_id'],
  maxRetries: 8,
  run: async (ctx, { alert_id }) => {
    const db = await data()
    const { alert, monitor } = await alertOf(db, alert_id)
    const told: string[] = []
    const failures: unknown[] = []
    for (const channel of monitor.channels) {
      try {
        await ctx.step(channel, () =>
          channel.startsWith('webhook:')
            ? sendAlertWebhook
                .applyAsync(
                  { alert_id, url: channel.slice('webhook:'.length) },
                  { once: { key: `${alert_id}:${channel}`, ttlMs: DAY_MS } },
                )
                .then(() => true)
            : deliver(channel, alert, monitor),
        )
        told.push(channel.split(':', 1)[0] ?? channel)
      } catch (error) {
        failures.push(error)
      }
    }
    // A channel that fails keeps none of the others from being told.
    if (failures.length > 0) throw failures.find((error) => !(error instanceof Unfit)) ?? failures[0]
    await db.query('UPDATE alerts SET sent_ms = $2 WHERE id = $1 AND sent_ms IS NULL', [
      alert_id,
      app.clock.now(),
    ])
    return { alert_id, told }
  },
})

/** Hands an alert to the delivery of webhooks, which signs it as https://www.standardwebhooks.com says, retries and records it. */
export const sendAlertWebhook = app.task({
  ...POLICY,
  name: `${NAME}.send_alert_webhook`,
  input: z.object({ alert_id: z.string().min(1), url: z.url() }),
  params: ['alert_id', 'url'],
  maxRetries: 8,
  run: async (_ctx, { alert_id, url }) => {
    const { alert, monitor } = await alertOf(await data(), alert_id)
    await deliver(`webhook:${url}`, alert, monitor)
    return { alert_id, kind: alert.kind satisfies Alert['kind'] }
  },
})

/** Compares monitors: how often they change and fail, how they answer, what they write about. */
export const runAnalysisTask = app.task({
  ...POLICY,
  name: `${NAME}.run_analysis_task`,
  input: z.object({
    monitor_ids: z.array(z.string()).min(1).max(100),
    days: z.number().int().positive().max(365).default(30),
  }),
  params: ['monitor_ids', 'days'],
  run: async (ctx, { monitor_ids, days }) =>
    analyse(await data(), ctx.id, monitor_ids, app.clock.now() - days * DAY_MS, app.clock.now()),
})

/** Daily at 02:00: sums up the snapshots of the day before. Run twice it writes the same. */
export const aggregateSnapshotsTask = app.task({
  ...POLICY,
  name: `${NAME}.aggregate_snapshots_task`,
  input: z.object({ day: z.iso.date().optional() }),
  params: ['day'],
  run: async (_ctx, { day }) =>
    aggregateDay(await data(), day ?? new Date(app.clock.now() - DAY_MS).toISOString().slice(0, 10)),
})

/** Daily at 03:00: removes snapshots and alerts older than RETENTION_DAYS (90), in batches; the newest snapshot of a monitor stays. */
export const cleanupOldDataTask = app.task({
  ...POLICY,
  name: `${NAME}.cleanup_old_data_task`,
  run: async (ctx) => {
    const days = Number(process.env.RETENTION_DAYS ?? 90)
    return removeOld(await data(), app.clock.now() - days * DAY_MS, ctx.signal)
  },
})

/** Sundays at 04:00: learns what is usual for each monitor; checks use it from then on. */
export const trainAnomalyModelTask = app.task({
  ...POLICY,
  name: `${NAME}.train_anomaly_model_task`,
  run: async () => ({ trained: await trainAll(await data(), app.clock.now()) }),
})
