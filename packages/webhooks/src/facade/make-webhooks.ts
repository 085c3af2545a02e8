import type { InputOf, Lovage } from 'lovage'
import { Attempter, Deliverer } from '../deliver/index.js'
import { Poster } from '../http/index.js'
import { jwkPoint } from '../signing/index.js'
import { type Notice, noticeEvent, openStore, type Released, type WebhookStore } from '../store/index.js'
import { deliveriesOf, eventsOf } from './deliveries.js'
import { addDeployChecks } from './deploy-checks.js'
import { endpointsOf } from './endpoints.js'
import { remember } from './internals.js'
import { WebhookMetrics } from './metrics.js'
import { type EventSchemas, settingsOf, type WebhookSettings, type WebhooksOptions } from './options.js'
import { reseal } from './reseal.js'
import { Sender, validated } from './sender.js'
import { onceOf, registerTasks } from './tasks.js'
import type { PublishedKey, Webhooks } from './webhooks.js'

/** The data type of each event type in a catalogue. */
export type DataOf<Events extends EventSchemas> = { readonly [Type in keyof Events]: InputOf<Events[Type]> }

/**
 * Adds webhooks to an app: registers their tasks and schedule, and returns their API. Call it where the app is created, in producers and
 * workers alike; nothing connects before first use.
 *
 * ```ts
 * const hooks = webhooks(app, { events: { 'order.paid': z.object({ id: z.string() }) } })
 * const { secrets } = await hooks.endpoints.create({ url: 'https://example.com/hooks' })
 * await hooks.send({ type: 'order.paid', data: { id: 'o_1' } })
 * ```
 * @throws {WebhookError} LVG_WEBHOOK_SETUP for an unusable option.
 * @example
 * import { webhooks } from '@lovage/webhooks'
 * const hooks = webhooks(app)
 * await hooks.endpoints.create({ url: 'https://example.com/hooks' })
 * await hooks.send({ type: 'invoice.paid', data: { id: 7 } })
 */
export function webhooks<const Events extends EventSchemas = Readonly<Record<string, never>>>(
  app: Lovage,
  options: WebhooksOptions<Events> = {},
): Webhooks<string extends keyof Events ? Readonly<Record<string, unknown>> : DataOf<Events>> {
  const settings = settingsOf(options)
  const parts = new Parts(app, settings)
  const { store, now } = parts
  const tasks = registerTasks(app, {
    settings,
    store,
    now,
    deliverer: () => parts.deliverer(tasks.onReleased),
    tell: (released) => parts.tell(released),
    cleanup: () => cleanup(),
  })
  const cleanup = async (olderThanMs = settings.retentionMs) =>
    (await store()).cleanup(now() - olderThanMs, now())
  const release = async (id: string): Promise<void> =>
    tasks.onReleased(await (await store()).deliveries.release(id, now()))
  const sender = new Sender({
    settings,
    store,
    now,
    logger: () => app.logger,
    publish: (ids) => tasks.publish(ids),
  })
  addRelay(app, store, (ids) => tasks.publish(ids))
  addDeployChecks(app, settings, store)
  app.metricSources.push(async () => parts.metrics.text(await store(), now()))

  const hooks: Webhooks<Readonly<Record<string, unknown>>> = {
    app,
    endpoints: endpointsOf({
      settings,
      store,
      now,
      release,
      sendTest: (event, more) => sender.sendBytes(event, { ...more, isTest: true }),
      async notify({ type, endpoint: { tenant, id: endpointId } }) {
        const of = { tenant, endpointId, atMs: now() }
        const notice: Notice =
          type === 'endpoint.enabled' ? { type, ...of } : { type, reason: 'manual', ...of }
        const [written] = await (await store()).events.insert([noticeEvent(notice)])
        await tasks.onReleased({ deliveryIds: written?.dueIds ?? [], wakes: [], notices: [notice] })
      },
    }),
    events: eventsOf({ store }),
    deliveries: deliveriesOf({
      store,
      now,
      release,
      publishReplay: (id, once) => tasks.publish([id], 'replay', once),
      replayAll: async (query, once) => (await tasks.replay.applyAsync([query], onceOf(once))).id,
    }),
    types: Object.keys(options.events ?? {}).sort(),
    validate: (type, data) => validated(settings.events, type, data),
    send: (event, more) => sender.send(event, more),
    sendBytes: (event, more) => sender.sendBytes(event, more),
    async keySet(endpointId) {
      const of = endpointId === undefined ? {} : { endpointId }
      const secrets = await (await store()).endpoints.secrets({ scheme: 'v1a', nowMs: now(), ...of })
      return {
        keys: secrets.flatMap(({ id, endpointId, publicKey }) => published(id, endpointId, publicKey)),
      }
    },
    on: (type, listener) => parts.listen(type, listener),
    store,
    cleanup,
    reseal: async () => reseal(await store(), settings.vault(), now()),
    close: () => parts.close(),
  }
  remember(app, hooks, settings)
  // The catalogue's types are checked at the call; the runtime object is the same for all.
  return hooks as unknown as ReturnType<typeof webhooks<Events>>
}

/** Parts that are opened on first use, and closed together. */
class Parts {
  readonly #app: Lovage
  readonly #settings: WebhookSettings
  readonly #listeners = new Set<{ readonly type: string; readonly hear: (notice: never) => void }>()
  readonly metrics = new WebhookMetrics()
  #store: Promise<WebhookStore> | undefined
  #deliverer: Promise<Deliverer> | undefined
  #poster: Poster | undefined

  constructor(app: Lovage, settings: WebhookSettings) {
    this.#app = app
    this.#settings = settings
  }

  readonly now = (): number => this.#app.clock.now()

  readonly store = (): Promise<WebhookStore> => {
    const { storeUrl, rules, connections } = this.#settings
    this.#store ??= openStore(storeUrl, { rules, connections, now: this.now }).catch((error: unknown) => {
      // The next caller tries again.
      this.#store = undefined
      throw error
    })
    return this.#store
  }

  deliverer(onReleased: (released: Released) => Promise<void>): Promise<Deliverer> {
    this.#deliverer ??= this.#makeDeliverer(onReleased).catch((error: unknown) => {
      this.#deliverer = undefined
      throw error
    })
    return this.#deliverer
  }

  async #makeDeliverer(onReleased: (released: Released) => Promise<void>): Promise<Deliverer> {
    const { address, captureBytes, connectTimeoutMs, resolver, vault, schedule, random, leaseMs } =
      this.#settings
    const { deliveries } = await this.store()
    this.#poster ??= new Poster({
      rules: address,
      captureBytes,
      connectTimeoutMs,
      ...(resolver ? { resolver } : {}),
    })
    const attempter = new Attempter(this.#poster, vault(), this.now)
    return new Deliverer({
      deliveries,
      attempter,
      schedule,
      now: this.now,
      random,
      leaseMs,
      onReleased,
      onAttempt: ({ attempt }) => this.metrics.attempted(attempt),
    })
  }

  listen(type: string, hear: (notice: never) => void): () => void {
    const listener = { type, hear }
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** Emits notices in this process: in the log, and to listeners. */
  tell({ notices }: Released): void {
    for (const notice of notices) {
      this.metrics.told(notice)
      const { type, ...fields } = notice
      const isBad = /disabled|failing|exhausted|opened/.test(type)
      this.#app.logger[isBad ? 'warn' : 'info'](fields, `webhooks: ${type}`)
      for (const listener of this.#listeners) {
        if (listener.type !== type) continue
        try {
          // Registered under the notice's own type.
          listener.hear(notice as never)
        } catch (error) {
          this.#app.logger.error({ err: error, notice: type }, 'a listener of webhooks failed')
        }
      }
    }
  }

  async close(): Promise<void> {
    const [store, poster] = [this.#store, this.#poster]
    this.#store = undefined
    this.#deliverer = undefined
    this.#poster = undefined
    await poster?.close()
    await (await store)?.close()
  }
}

/** Each worker publishes the tasks of deliveries written in callers' transactions, as soon as they are committed. */
function addRelay(
  app: Lovage,
  store: () => Promise<WebhookStore>,
  publish: (ids: readonly string[]) => Promise<void>,
): void {
  // A process may have several workers.
  const stops = new Map<object, () => Promise<void>>()
  app.steps.push({
    name: 'webhooks',
    async start(worker) {
      const stop = await (await store()).watchCommitted(async (ids) => {
        try {
          await publish(ids)
        } catch (error) {
          app.logger.error(
            { err: error, deliveries: ids.length },
            'committed webhooks could not be published; the sweep will',
          )
          throw error
        }
      })
      stops.set(worker, stop)
    },
    async stop(worker) {
      await stops.get(worker)?.()
      stops.delete(worker)
    },
  })
}

function published(kid: string, endpoint: string, whpk: string | null): readonly PublishedKey[] {
  if (whpk === null) return []
  return [{ kid, kty: 'OKP', crv: 'Ed25519', use: 'sig', alg: 'EdDSA', x: jwkPoint(whpk), whpk, endpoint }]
}
