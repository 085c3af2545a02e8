import type { Broker } from '../broker/index.js'
import { decodeEvents, EVENT_EXCHANGE, type Event } from '../events/index.js'
import { holdProcess, type LogicalClock } from '../kernel/index.js'

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
  broker(): Promise<Broker>
}

/** Events as they come, of nodes in any language, until the reader leaves. */
export async function* watchEvents(
  host: EventHost,
  { pattern = '#', signal }: EventOptions = {},
): AsyncGenerator<Event, void, undefined> {
  const waiting: Event[] = []
  let wake = (): void => {}
  const isWanted = wanted(pattern)
  // Task events of one moment travel together under a key of their own, so that the types have to be looked at.
  const unsubscribe = await (await host.broker()).subscribe(
    EVENT_EXCHANGE,
    (message) => {
      const events = decodeEvents(message)
      if (events instanceof Error) return
      for (const event of events) {
        host.logicalClock.adjust(event.clock)
        if (isWanted(event.type)) waiting.push(event)
      }
      if (waiting.length > KEPT) waiting.splice(0, waiting.length - KEPT)
      wake()
    },
    '#',
  )
  const onAbort = (): void => wake()
  signal?.addEventListener('abort', onAbort)
  // A subscription does not keep a process alive; somebody who iterates means it to.
  const release = holdProcess()
  try {
    while (!signal?.aborted) {
      const next = waiting.shift()
      if (next) yield next
      else
        await new Promise<void>((resolve) => {
          wake = resolve
          if (signal?.aborted) resolve()
        })
    }
  } finally {
    release()
    signal?.removeEventListener('abort', onAbort)
    unsubscribe()
  }
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
