import type { Attributes, Context, Span } from '@opentelemetry/api'
import type { Middleware, Next, Outcome, RunContext, TaskContext } from '../app/tasks/index.js'
import { requireLater } from '../kernel/index.js'
import { JOIN_HEADER, type OutgoingMessage, SENT_HEADER } from '../message/index.js'
import { keepForBody, linksToMembers } from './chord-links.js'

const SCOPE = 'lovage'
const opentelemetry = requireLater<typeof import('@opentelemetry/api')>('@opentelemetry/api')

/** The options of tracing. */
export interface TracingOptions {
  /**
   * Whether the sampler is asked about a run whose publication was not sampled. Default false: a trace is kept whole or not at all, as
   * with the SDK's own default (`ParentBased`).
   */
  readonly asksSampler?: boolean
}

/**
 * Traces tasks with the OpenTelemetry SDK that the process has set up; without one it does nothing.
 *
 * It creates a span for publishing, whose context is carried in the message's headers (W3C `traceparent`, or the configured
 * propagator's), and below it one for each run, and one for the time that the task waited for the run. Steps and callbacks that follow a
 * task are below its run. Span names, kinds and headers are those of Python's `opentelemetry-instrumentation-celery`, so that a trace
 * crosses both languages. Arguments are not recorded. `new Lovage('shop', { middleware: [tracing()] })`.
 *
 * @example
 * import { Lovage, tracing } from 'lovage'
 * const traced = new Lovage('shop', { middleware: [tracing()] }) // spans for the SDK that your program has set up
 */
export function tracing({ asksSampler = false }: TracingOptions = {}): Middleware {
  const { context, propagation, SpanKind, trace } = opentelemetry()
  // It finds the SDK even when that is set up later.
  const tracer = trace.getTracer(SCOPE)
  const PRODUCER = { kind: SpanKind.PRODUCER }
  const CONSUMER = { kind: SpanKind.CONSUMER }
  return {
    name: 'tracing',

    async publish(given, next) {
      const spans: Span[] = []
      const messages = given.messages.map((message): OutgoingMessage => {
        const task = nameOf(message)
        const span = tracer.startSpan(`apply_async/${task}`, PRODUCER)
        const headers: Record<string, unknown> = { ...message.headers }
        if (span.isRecording()) {
          span.setAttributes({
            'celery.action': 'apply_async',
            'celery.task_name': task,
            'messaging.message.id': String(message.headers.id ?? ''),
            'messaging.destination': message.routingKey,
          })
        }
        spans.push(span)
        propagation.inject(trace.setSpan(context.active(), span), headers)
        return { ...message, headers }
      })
      try {
        await next({ ...given, messages })
      } catch (error) {
        for (const span of spans) failed(span, error)
        throw error
      } finally {
        for (const span of spans) span.end()
      }
    },

    run(given, next) {
      const leftOut = leftOutOf(given)
      return leftOut ? context.with(leftOut, next, undefined, given) : runTraced(given, next)
    },

    enter(given, work) {
      const leftOut = leftOutOf(given)
      return leftOut && context.with(leftOut, work)
    },
  }

  /** Most traces are not kept, and their spans would cost more than a small task. */
  function leftOutOf({ context: { wireHeaders } }: RunContext): Context | undefined {
    return !asksSampler && isLeftOut(wireHeaders)
      ? new LeftOutContext(context.active(), wireHeaders)
      : undefined
  }

  async function runTraced(given: RunContext, next: Next<RunContext, Outcome>): Promise<Outcome> {
    const { context: task } = given
    const parent = propagation.extract(context.active(), task.wireHeaders, GETTER)
    const links = JOIN_HEADER in task.wireHeaders ? await linksToMembers(task) : undefined
    const span = tracer.startSpan(`run/${task.name}`, links ? { ...CONSUMER, links } : CONSUMER, parent)
    const active = trace.setSpan(parent, span)
    // Messages sent when the task ends, outside of this scope, belong below it too.
    task.followHeaders = () => {
      const headers: Record<string, string> = {}
      propagation.inject(active, headers)
      return headers
    }
    // With sampling, most spans are dropped: those are not created.
    if (!span.isRecording()) return context.with(active, next, undefined, given)
    span.setAttributes(attributesOf(task))
    const sinceMs = waitingSince(task)
    if (sinceMs !== undefined)
      tracer.startSpan(`wait/${task.name}`, { kind: SpanKind.INTERNAL, startTime: sinceMs }, parent).end()
    return context.with(active, async () => {
      try {
        const outcome = await next(given)
        span.setAttribute('celery.state', STATES[outcome.kind])
        if (outcome.kind === 'success') await keepForBody(task, active)
        if (outcome.kind === 'failure') failed(span, outcome.error)
        return outcome
      } catch (error) {
        failed(span, error)
        throw error
      } finally {
        span.end()
      }
    })
  }
}

type LeftOut = TaskContext['wireHeaders'] & { readonly traceparent: string }

/** The length of a W3C trace context; its last digit says whether the trace is sampled. */
const TRACEPARENT = 55

/** Whether a W3C trace context marks its trace as not sampled. Each task pays for it, so the ids are checked when they are used. */
function isLeftOut(headers: TaskContext['wireHeaders']): headers is LeftOut {
  const { traceparent } = headers
  return (
    typeof traceparent === 'string' &&
    traceparent.length === TRACEPARENT &&
    traceparent.startsWith('00-') &&
    (traceparent.charCodeAt(TRACEPARENT - 1) & 1) === 0
  )
}

/**
 * The parent context of the task's own spans, so that they are not sampled either. Few such tasks look at it, so it is made when one
 * does. With more than trace headers, propagators read it.
 */
class LeftOutContext implements Context {
  #made: Context | undefined

  constructor(
    private readonly around: Context,
    private readonly headers: LeftOut,
  ) {}

  getValue(key: symbol): unknown {
    return this.#context().getValue(key)
  }
  setValue(key: symbol, value: unknown): Context {
    return this.#context().setValue(key, value)
  }
  deleteValue(key: symbol): Context {
    return this.#context().deleteValue(key)
  }

  #context(): Context {
    this.#made ??= contextOf(this.around, this.headers)
    return this.#made
  }
}

function contextOf(around: Context, headers: LeftOut): Context {
  const { propagation, trace } = opentelemetry()
  const ids = /^00-([0-9a-f]{32})-([0-9a-f]{16})-/.exec(headers.traceparent)
  if (!ids || 'tracestate' in headers || 'baggage' in headers)
    return propagation.extract(around, headers, GETTER)
  const [, traceId = '', spanId = ''] = ids
  return trace.setSpanContext(around, { traceId, spanId, traceFlags: 0, isRemote: true })
}

/** The start of a task's wait for its run: when it was both sent and due. */
function waitingSince({ wireHeaders, eta }: TaskContext): number | undefined {
  const sentMs = wireHeaders[SENT_HEADER]
  if (typeof sentMs !== 'number' || !(sentMs <= Date.now())) return undefined
  return Math.min(Date.now(), Math.max(sentMs, eta?.getTime() ?? 0))
}

const attributesOf = (task: TaskContext): Attributes => ({
  'celery.action': 'run',
  'celery.task_name': task.name,
  'messaging.message.id': task.id,
  'messaging.destination': task.deliveryInfo.queue ?? task.deliveryInfo.routingKey,
  'celery.retries': task.retries,
})

const STATES = {
  success: 'SUCCESS',
  failure: 'FAILURE',
  retry: 'RETRY',
  lost: 'LOST',
  ignore: 'IGNORED',
  replace: 'REPLACED',
  reject: 'REJECTED',
} as const

/** Headers may hold any value; a propagator reads strings. */
const GETTER = {
  keys: (carrier: Readonly<Record<string, unknown>>): string[] => Object.keys(carrier),
  get(carrier: Readonly<Record<string, unknown>>, key: string): string | undefined {
    const value = carrier[key]
    return typeof value === 'string' ? value : undefined
  },
}

const nameOf = ({ headers }: OutgoingMessage): string => String(headers.task ?? 'unknown')

function failed(span: Span, error: unknown): void {
  const exception = error instanceof Error ? error : String(error)
  span.recordException(exception)
  span.setStatus({
    code: opentelemetry().SpanStatusCode.ERROR,
    message: error instanceof Error ? error.message : String(error),
  })
}
