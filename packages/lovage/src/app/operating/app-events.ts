import type { Broker } from '../../broker/index.js'
import { type Event, EventDispatcher, type EventFields, eventType, groupField } from '../../events/index.js'
import { producerOrigin, type Unsubscribe } from '../../kernel/index.js'
import type { OutgoingMessage } from '../../message/index.js'
import type { AppCore } from '../core/index.js'
import type {
  Cluster,
  ClusterOptions,
  EventListener,
  EventMessage,
  EventOptions,
  EventReceiver,
} from '../fleet/index.js'
import { fleet } from './fleet.js'

/** The cluster's events, and events of one's own. */
export interface AppEvents {
  /** Events from nodes in any language, as they arrive: `for await (const event of app.events())`. See `app.control.events`. */
  (options?: EventOptions): AsyncGenerator<Event, void, undefined>
  /**
   * Sends an event of one's own, such as `order-paid`, to current subscribers. It does not block: the event is sent after this turn of
   * the loop, and dropped when the broker is away. Inside a task use `ctx.sendEvent`, which names the task.
   * @throws {TypeError} when `type` contains anything but letters, digits, `-` and `_`.
   * @throws {MessageError} when a field cannot be written.
   */
  send(type: string, fields?: EventFields): void
  /**
   * Follows the cluster: which nodes are alive, and the states of tasks, in any language. Remembers the 10,000 most recently
   * seen tasks. Task events are sent only where they are enabled (`-E`, `app.control.enableEvents()`).
   */
  cluster(options?: ClusterOptions): Promise<Cluster>
  /**
   * Receives all events in the batches in which they arrive, without a queue in between: for monitors of large fleets. Ends when the
   * returned function is called.
   *
   * @example const end = await app.events.listen({ onEvents: (events) => console.log(events.length) })
   */
  listen(listener: EventListener): Promise<Unsubscribe>
  /**
   * Receives the messages of events unread, for a monitor that stores what it hears: it keeps them as fast as they come, so that the
   * server never has to cut it off, and reads them by the returned function when it has time.
   *
   * @example
   * const waiting: import('lovage').EventMessage[] = []
   * const { read, end } = await app.events.receive({
   *   onMessage: (message) => waiting.push(message),
   *   onMissed: (lostMs) => console.log(`deaf for ${lostMs} ms`),
   * })
   * for (const message of waiting.splice(0)) console.log(read(message)?.length)
   * end()
   */
  receive(receiver: EventReceiver): Promise<EventReception>
  /** Resolves when the events emitted here are sent, or dropped. */
  flush(): Promise<void>
}

/** A running reception of events. */
export interface EventReception {
  /** The events of a received message; undefined when it is of no known form. Never throws. */
  readonly read: (message: EventMessage) => readonly Event[] | undefined
  readonly end: Unsubscribe
}

/** The events of an app; connects on first use. */
export function appEvents(core: AppCore): AppEvents {
  let dispatcher: EventDispatcher | undefined
  let tellsSent = false
  const open = (): EventDispatcher => {
    const { clock, logicalClock, logger } = core
    dispatcher ??= new EventDispatcher(
      {
        hostname: producerOrigin(),
        clock,
        logicalClock,
        logger,
        broadcast: async (message) => broadcast(await core.broker(), message),
      },
      true,
    )
    return dispatcher
  }
  // `task-sent` is emitted for every task from the first connection on, if the setting says so.
  core.onConnect(() => {
    if (tellsSent || !core.conf.taskSendSentEvent) return
    tellsSent = true
    core.signals.on('afterTaskPublish', ({ message }) => open().task('task-sent', sentFields(message)))
  })
  const flush = async (): Promise<void> => dispatcher?.flush()
  core.beforeClose(flush)
  return Object.assign((options?: EventOptions) => events(core, options), {
    send: (type: string, fields: EventFields = {}) => open().own(eventType(type), fields),
    cluster: (options: ClusterOptions = {}) =>
      fleet().then(({ Cluster }) => new Cluster(core, options).open()),
    listen: (listener: EventListener) => fleet().then(({ listenToEvents }) => listenToEvents(core, listener)),
    receive: async (receiver: EventReceiver) => {
      const { readEvents, receiveEvents } = await fleet()
      const end = await receiveEvents(core, receiver)
      return { read: (message: EventMessage) => readEvents(core, message), end }
    },
    flush,
  })
}

/** Events from nodes, as they arrive. */
export async function* events(core: AppCore, options?: EventOptions): AsyncGenerator<Event, void, undefined> {
  yield* (await fleet()).watchEvents(core, options)
}

/** The fields of `task-sent`. */
function sentFields({ headers, exchange, routingKey }: OutgoingMessage): EventFields {
  const { id, root_id, parent_id, group, task, argsrepr, kwargsrepr, retries, eta, expires } = headers
  return {
    uuid: id,
    root_id,
    parent_id,
    ...groupField(group),
    name: task,
    args: argsrepr,
    kwargs: kwargsrepr,
    retries,
    eta,
    expires,
    // Exchange and queue have the same name unless set otherwise.
    queue: exchange === '' || exchange === routingKey ? routingKey : null,
    exchange,
    routing_key: routingKey,
  }
}

async function broadcast(broker: Broker, message: OutgoingMessage): Promise<number | undefined> {
  return broker.capabilities.fanout ? broker.broadcast(message) : 0
}
