import { decodeEvents, EVENT_EXCHANGE, type Event } from '../../events/index.js'
import type { Unsubscribe } from '../../kernel/index.js'
import type { IncomingMessage } from '../../message/index.js'
import type { AppCore } from '../core/index.js'
import { told } from '../results/index.js'
import { formatOf } from '../sending/index.js'

/** Number of events buffered for a slow reader; older ones are dropped, because a monitor wants the current state. */
const KEPT = 10_000

/** Selects the events. */
export interface EventOptions {
  /** An AMQP topic over types with dots: `task.#`, `worker.heartbeat`. Default all. */
  readonly pattern?: string
  /** Ends the iteration. */
  readonly signal?: AbortSignal
}

/** A receiver of events. */
export interface EventListener {
  /** Called with the events of one message, in the order in which its node sent them. An exception ends only this call. */
  readonly onEvents: (events: readonly Event[]) => void
  /** Called for a message that is not an event: too large, or of no known form. */
  readonly onUnreadable?: () => void
}

/** A message of events as it came. */
export type EventMessage = Pick<IncomingMessage, 'body' | 'contentType' | 'contentEncoding'>

/** A receiver of events that are read later. */
export interface EventReceiver {
  /** Called with each message; it should only keep it. */
  readonly onMessage: (message: EventMessage) => void
  /**
   * Called when a lost subscription is restored, with the milliseconds since its loss: events of that time were missed, and so were
   * those that were on their way when it was lost.
   */
  readonly onMissed?: (lostMs: number) => void
}

/** Passes on all events as they arrive, from nodes in any language, without buffering: the receiver must not be slow. */
export async function listenToEvents(
  core: AppCore & { readonly logger: { error(fields: object, message: string): void } },
  { onEvents, onUnreadable }: EventListener,
): Promise<Unsubscribe> {
  return receiveEvents(core, {
    onMessage: (message) => {
      const events = readEvents(core, message)
      if (events === undefined) {
        onUnreadable?.()
        return
      }
      try {
        onEvents(events)
      } catch (error) {
        core.logger.error({ err: error }, 'an event listener failed')
      }
    },
  })
}

/** Passes on messages of events unread. */
export async function receiveEvents(
  core: AppCore,
  { onMessage, onMissed }: EventReceiver,
): Promise<Unsubscribe> {
  return (await core.broker()).subscribe(EVENT_EXCHANGE, onMessage, '#', onMissed)
}

/** The events of a message; undefined when it is of no known form. */
export function readEvents(core: AppCore, message: EventMessage): readonly Event[] | undefined {
  const events = decodeEvents(message, formatOf(core.conf).events)
  if (events instanceof Error) return undefined
  for (const { clock } of events) core.logicalClock.adjust(clock)
  return events
}

/** Events as they arrive, from nodes in any language, until the reader leaves. */
export async function* watchEvents(
  core: AppCore,
  { pattern = '#', signal }: EventOptions = {},
): AsyncGenerator<Event, void, undefined> {
  const isWanted = wanted(pattern)
  const broker = await core.broker()
  yield* told<Event>(
    ({ push }) =>
      // Task events of one moment travel together under a key of their own, so their types have to be checked.
      broker.subscribe(
        EVENT_EXCHANGE,
        (message) => {
          const events = decodeEvents(message, formatOf(core.conf).events)
          if (events instanceof Error) return
          for (const event of events) {
            core.logicalClock.adjust(event.clock)
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
