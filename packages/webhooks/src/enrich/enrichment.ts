import { type CallOptions, type Task, unchecked } from 'lovage'
import type { SendOptions } from '../domain/index.js'
import type { Webhooks } from '../facade/index.js'
import { cachedLoad } from './cached-load.js'
import type { EnrichmentOptions, EnrichmentOutcome } from './enrichment-options.js'

/** A stage before delivery. */
export interface Enrichment<Data> {
  /** Returns the enriched data, or the original when that failed: always resolves. */
  apply(
    data: Data,
    signal?: AbortSignal,
  ): Promise<{ readonly data: Data; readonly outcome: EnrichmentOutcome }>
  /** Publishes the stage's task for an event; resolves with the task's id. @throws {WebhookError} LVG_WEBHOOK_INVALID, LVG_WEBHOOK_UNKNOWN_TYPE. */
  send(
    data: Data,
    options?: Omit<SendOptions, 'transaction'> & Pick<CallOptions, 'transaction'>,
  ): Promise<string>
}

/** The input of the stage's task. */
interface StageInput {
  readonly data: unknown
  readonly timestamp: string
  readonly options: Omit<SendOptions, 'transaction'>
}

/**
 * Adds a stage to events of a type: `send` publishes a task to its own queue, which queries a source, adds the result, and sends the
 * event. When the source fails or is too slow, the event is sent unchanged: an enrichment never costs a delivery.
 *
 * @example
 * import { enrichment, webhooks } from '@lovage/webhooks'
 * const learningTime = enrichment(webhooks(app), {
 *   name: 'learning_time',
 *   type: 'completion.passed',
 *   queue: 'webhook_enrichment',
 *   key: ({ user }: { user: number }) => String(user),
 *   load: async ({ user }) => user * 60, // seconds, from a warehouse
 *   merge: (data, seconds) => ({ ...data, learning_time: seconds }),
 * })
 * await learningTime.send({ user: 7 })
 */
export function enrichment<Data, Value>(
  hooks: Webhooks<never>,
  options: EnrichmentOptions<Data, Value> & { readonly queue: string },
): Enrichment<Data>
/** Without a queue there is no task: a task of your own calls `apply`, and sends the event. */
export function enrichment<Data, Value>(
  hooks: Webhooks<never>,
  options: EnrichmentOptions<Data, Value> & { readonly queue?: undefined },
): Pick<Enrichment<Data>, 'apply'>
export function enrichment<Data, Value>(
  hooks: Webhooks<never>,
  options: EnrichmentOptions<Data, Value>,
): Partial<Enrichment<Data>> & Pick<Enrichment<Data>, 'apply'> {
  const { name, type, queue, isEnabled = () => true, onOutcome = () => {}, merge } = options
  const { app } = hooks
  const load = cachedLoad(hooks, options)

  const apply: Enrichment<Data>['apply'] = async (data, signal) => {
    if (!(await isEnabled())) {
      onOutcome('disabled', 'none')
      return { data, outcome: 'disabled' }
    }
    const { found, cache } = await load(data, signal)
    try {
      if ('value' in found && found.value !== null) {
        const merged = merge(data, found.value)
        await hooks.validate(type, merged)
        onOutcome('enriched', cache)
        return { data: merged, outcome: 'enriched' }
      }
    } catch (error) {
      app.logger.warn({ err: error, enrichment: name }, 'the result of an enrichment could not be added')
      onOutcome('error', cache)
      return { data, outcome: 'error' }
    }
    const outcome = 'error' in found ? 'error' : 'no_data'
    onOutcome(outcome, cache)
    return { data, outcome }
  }

  if (queue === undefined) return { apply }
  const stage: Task<StageInput, unknown> = app.task({
    name: options.task ?? `webhooks.enrich.${name}`,
    queue,
    input: unchecked<StageInput>(),
    redact: ['data'],
    async run(context, { data, timestamp, options: how }: StageInput) {
      // Checked by `send`, or else by the catalogue below.
      const { data: enriched, outcome } = await apply(data as Data, context.signal)
      // The event's id is the task's, so that a repeated run sends nothing twice.
      const id = how.id ?? `msg_${context.id}`
      const before = await hooks.events
        .get(id, how.tenant === undefined ? {} : { tenant: how.tenant })
        .catch(() => undefined)
      if (before) return { outcome, event_id: id }
      const event = { type, data: enriched, timestamp: new Date(timestamp) }
      await (hooks.send as unknown as Webhooks['send'])(event, { ...how, id })
      return { outcome, event_id: id }
    },
  })

  return {
    apply,
    async send(data, { transaction, ...how } = {}) {
      await hooks.validate(type, data)
      const timestamp = new Date(app.clock.now()).toISOString()
      const call = { ignoreResult: true, ...(transaction ? { transaction } : {}) }
      return (await stage.applyAsync({ data, timestamp, options: how }, call)).id
    },
  }
}
