import type { Broker } from '../../broker/index.js'
import { decodeEvents, EVENT_EXCHANGE, type Event } from '../../events/index.js'
import type { LogicalClock, Unsubscribe } from '../../kernel/index.js'
import { told } from '../results/index.js'
import { formatOf } from '../sending/index.js'
import type { Settings } from '../settings/index.js'

/** Events that wait for a slow reader; older ones give way, for a monitor wants to know how things are now. */
const KEPT = 10_000

/** Which events. */
export interface EventOptions {
  /** An AMQP topic over types with dots: `task.#`, `worker.heartbeat`. Default all. */
  readonly pattern?: string
  /** Ends the iteration. */
  readonly signal?: AbortSignal
}

/** What is needed of an app. */
export interface EventHost {
  readonly logicalClock: LogicalClock
  readonly conf: Settings
  broker(): Promise<Broker>
}

/** What hears events. */
export interface EventListener {
  /** The events of one message, in the order in which its node told them. Whatever it throws ends nothing but this call. */
  readonly onEvents: (events: readonly Event[]) => void
  /** A message that is no event: too large, or of no known form. */
  readonly onUnreadable?: () => void
}

/** Hears all events as they come, of nodes in any language, and keeps none back: who listens must not be slow. */
export async function listenToEvents(
  host: EventHost & { readonly logger: { error(fields: object, message: string): void } },
  { onEvents, onUnreadable }: EventListener,
): Promise<Unsubscribe> {
  const broker = await host.broker()
  return broker.subscribe(
    EVENT_EXCHANGE,
    (message) => {
      const events = decodeEvents(message, formatOf(host.conf).events)
      if (events instanceof Error) {
        onUnreadable?.()
        return
      }
      for (const { clock } of events) host.logicalClock.adjust(clock)
      try {
        onEvents(events)
      } catch (error) {
        host.logger.error({ err: error }, 'what listens for events has thrown')
      }
    },
    '#',
  )
}

/** Events as they come, of nodes in any language, until the reader leaves. */
export async function* watchEvents(
  host: EventHost,
  { pattern = '#', signal }: EventOptions = {},
): AsyncGenerator<Event, void, undefined> {
  const isWanted = wanted(pattern)
  const broker = await host.broker()
  yield* told<Event>(
    ({ push }) =>
      // Task events of one moment travel together under a key of their own, so that the types have to be looked at.
      broker.subscribe(
        EVENT_EXCHANGE,
        (message) => {
          const events = decodeEvents(message, formatOf(host.conf).events)
          if (events instanceof Error) return
          for (const event of events) {
            host.logicalClock.adjust(event.clock)
            if (isWanted(event.type)) push(event)
          }
        },
        '#',
      ),
    KEPT,
    signal,
  )
}

/** AMQP's topics: `*` is one word, `#` any number. */
function wanted(pattern: string): (type: string) => boolean {
  if (pattern === '#') return () => true
  const source = pattern
    .split('.')
    .map((word) => (word === '#' ? '.*' : word === '*' ? '[^.]+' : word.replace(/[^\w]/g, '\\$&')))
    .join('\\.')
    .replaceAll('\\..*', '(?:\\..*)?')
  const topic = new RegExp(`^${source}$`)
  return (type) => topic.test(type.replaceAll('-', '.'))
}
