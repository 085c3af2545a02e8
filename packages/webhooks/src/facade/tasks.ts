import { AsyncResource } from 'node:async_hooks'
import { type Lovage, Reject, type TaskContext } from 'lovage'
import type { Delivered, Deliverer } from '../deliver/index.js'
import { WebhookError } from '../domain/index.js'
import type { Released, Removed, WebhookStore } from '../store/index.js'
import { acceptCall } from './accept-call.js'
import type { WebhookSettings } from './options.js'
import { type ReplayQuery, replayPage } from './replay-page.js'

/** Names of the tasks, for callers in any language. */
export const TASKS = {
  deliver: 'webhooks.deliver_event',
  sweep: 'webhooks.retry_failed_deliveries',
  cleanup: 'webhooks.cleanup_old_deliveries',
  wake: 'webhooks.wake_endpoint',
  replay: 'webhooks.replay_deliveries',
} as const

/** The parts of the tasks. */
export interface TaskParts {
  readonly settings: WebhookSettings
  readonly store: () => Promise<WebhookStore>
  readonly deliverer: () => Promise<Deliverer>
  readonly now: () => number
  readonly tell: (released: Released) => void
  readonly cleanup: () => Promise<Removed>
}

/** The engine's count of how often a dead letter was sent again. */
const REDRIVES = 'x-lovage-redrives'
const SWEEP_AT_ONCE = 500
/** The delay before retrying a run after a store failure. */
const STORE_RETRY_S = 5

/** Registers the tasks, and returns the functions that send them. */
export function registerTasks(app: Lovage, parts: TaskParts) {
  const { settings, store, now } = parts
  const queue = settings.queue === undefined ? {} : { queue: settings.queue }
  // Tasks sent while a task runs would be recorded as its children, whichever delivery they belong to.
  const outside = new AsyncResource('lovage.webhooks')

  const deliver = app.task({
    name: TASKS.deliver,
    ...queue,
    maxRetries: 3,
    params: ['webhook_id', 'event_data', 'delivery_id', 'trigger'],
    // Bodies belong to their tenants; the names in the message are enough.
    redact: ['event_data'],
    async run(
      context,
      webhookId: string | null = null,
      eventData: unknown = null,
      deliveryId: string | null = null,
      trigger: 'schedule' | 'sweep' | 'replay' = 'schedule',
    ) {
      const id =
        deliveryId ??
        (await guarded(context, async () =>
          acceptCall(await store(), context.id, webhookId, eventData, settings, now()),
        ))
      if (id === null) return { state: 'held' }
      const deliverer = await guarded(context, parts.deliverer)
      const replayed = () => guarded(context, () => deliverer.replay(id, context.id, context.signal))
      if (trigger === 'replay') return answerOf(context, id, await replayed(), now())
      const delivered = await guarded(context, () =>
        deliverer.deliver(id, context.id, trigger, context.signal),
      )
      if (delivered.kind !== 'nothing' || delivered.state !== 'exhausted')
        return answerOf(context, id, delivered, now())
      if (Number(context.wireHeaders[REDRIVES] ?? 0) > 0)
        return redrivenAnswer(context, id, await replayed(), now())
      // Its process died between the record and the dead letter, which is still owed: except by a test event, which leaves none.
      if (context.deliveryInfo.redelivered) {
        const known = await guarded(context, async () => (await store()).deliveries.peek(id))
        if (!known?.delivery.isTest) throw new Reject(`Delivery ${id} was given up.`)
      }
      return answerOf(context, id, delivered, now())
    },
  })

  const sweep = app.task({
    name: TASKS.sweep,
    ...queue,
    async run(context) {
      const swept = { due: 0, stale: 0 }
      const { deliveries } = await store()
      for (;;) {
        const { due, stale } = await deliveries.sweep(now(), settings.staleAfterMs, SWEEP_AT_ONCE)
        await publish([...due, ...stale], 'sweep')
        swept.due += due.length
        swept.stale += stale.length
        if (due.length + stale.length < SWEEP_AT_ONCE) break
      }
      if (swept.stale > 0)
        context.logger.warn(swept, 'deliveries whose messages were lost have been sent again')
      return swept
    },
  })

  const cleanup = app.task({ name: TASKS.cleanup, ...queue, run: () => parts.cleanup() })

  const wake = app.task({
    name: TASKS.wake,
    ...queue,
    params: ['endpoint_id'],
    async run(context, endpointId: string) {
      const released = await guarded(context, async () =>
        (await store()).deliveries.release(endpointId, now()),
      )
      await onReleased(released)
      return released.deliveryIds.length
    },
  })

  const replay = app.task({
    name: TASKS.replay,
    ...queue,
    params: ['query'],
    async run(context, query: ReplayQuery) {
      const { ids, next } = await guarded(context, async () => replayPage(await store(), query))
      await publish(ids, 'replay')
      // The next batch is a task of its own: a crash repeats one batch, not all of them.
      if (next !== null) await replay.applyAsync([{ ...query, after: next }], { ignoreResult: true })
      return { replayed: ids.length, isDone: next === null }
    },
  })

  async function publish(
    ids: readonly string[],
    trigger: 'schedule' | 'sweep' | 'replay' = 'schedule',
    once?: string,
  ): Promise<void> {
    if (ids.length === 0) return
    await outside.runInAsyncScope(() =>
      deliver.applyAsyncMany(
        ids.map((id) => ({ args: [null, null, id, trigger] as const })),
        { ignoreResult: true, ...onceOf(once) },
      ),
    )
  }

  async function onReleased(released: Released): Promise<void> {
    parts.tell(released)
    await publish(released.deliveryIds)
    for (const { endpointId, atMs } of released.wakes)
      await outside.runInAsyncScope(() =>
        wake.applyAsync([endpointId], {
          eta: new Date(Math.max(atMs, now())),
          ignoreResult: true,
          once: { key: `${TASKS.wake}:${endpointId}:${atMs}`, ttlMs: 600_000 },
        }),
      )
  }

  app.addPeriodicTask(settings.sweepEveryS, sweep, { name: TASKS.sweep, expires: settings.sweepEveryS })
  app.addPeriodicTask(86_400, cleanup, { name: TASKS.cleanup, expires: 86_400 })
  return { publish, onReleased, replay, wake, sweep, cleanup, deliver }
}

/** The call option for a key under which a call counts once. */
export const onceOf = (key: string | undefined) =>
  key === undefined ? {} : { once: { key: `lovage.webhooks:${key}`, ttlMs: 43_200_000 } }

/** An unreachable store is not the delivery's fault: its task is retried for ever. Errors in the call itself are not retried. */
async function guarded<T>(context: TaskContext, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof WebhookError && error.code !== 'LVG_WEBHOOK_STORE') throw error
    context.logger.warn({ err: error }, 'a webhook could not be processed; it will be retried')
    throw context.retry({ countdown: STORE_RETRY_S, maxRetries: null, cause: error })
  }
}

function answerOf(context: TaskContext, deliveryId: string, delivered: Delivered, nowMs: number) {
  if (delivered.kind === 'nothing') return { delivery_id: deliveryId, state: delivered.state }
  if (delivered.kind === 'later') throw retryAt(context, delivered.atMs, nowMs)
  const { attempt } = delivered.attempted
  const { outcome, status, error, number } = attempt
  if (delivered.retryAtMs !== null)
    throw retryAt(context, delivered.retryAtMs, nowMs, new Error(`${outcome}: ${error ?? status}`))
  if (delivered.state === 'exhausted' && attempt.trigger !== 'replay' && attempt.trigger !== 'test')
    throw new Reject(`Delivery ${deliveryId} was given up after ${number} attempts: ${error ?? outcome}`)
  return {
    delivery_id: deliveryId,
    event_id: attempt.eventId,
    state: delivered.state,
    outcome,
    status,
    attempt: number,
  }
}

/** A dead letter that is sent again asks for one more attempt; if that fails, it is a dead letter again. */
function redrivenAnswer(context: TaskContext, deliveryId: string, delivered: Delivered, nowMs: number) {
  if (delivered.kind === 'attempted' && delivered.attempted.attempt.outcome !== 'success') {
    const { outcome, error } = delivered.attempted.attempt
    throw new Reject(
      `Delivery ${deliveryId} failed again when its dead letter was redriven: ${error ?? outcome}`,
    )
  }
  return answerOf(context, deliveryId, delivered, nowMs)
}

const retryAt = (context: TaskContext, atMs: number, nowMs: number, cause?: Error) =>
  context.retry({
    countdown: Math.max(0, atMs - nowMs) / 1000,
    maxRetries: null,
    ...(cause ? { cause } : {}),
  })
