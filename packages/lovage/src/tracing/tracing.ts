import type { Span } from '@opentelemetry/api'
import type { Middleware } from '../app/index.js'
import { requireLater } from '../kernel/index.js'
import type { OutgoingMessage } from '../message/index.js'

const SCOPE = 'lovage'
const opentelemetry = requireLater<typeof import('@opentelemetry/api')>('@opentelemetry/api')

/**
 * Traces tasks with whatever OpenTelemetry SDK the process has set up; without one it does nothing.
 *
 * A span for publishing, whose context travels in the message's headers (W3C `traceparent`, or whatever propagator is
 * set), and one for each run below it. Span names, kinds and headers are those of Python's
 * `opentelemetry-instrumentation-celery`, so that a trace crosses both languages. Arguments are not recorded.
 * `new Lovage('shop', { middleware: [tracing()] })`.
 */
export function tracing(): Middleware {
  const { context, propagation, SpanKind, trace } = opentelemetry()
  return {
    name: 'tracing',

    async publish(given, next) {
      const tracer = trace.getTracer(SCOPE)
      const spans: Span[] = []
      const messages = given.messages.map((message): OutgoingMessage => {
        const task = nameOf(message)
        const span = tracer.startSpan(`apply_async/${task}`, {
          kind: SpanKind.PRODUCER,
          attributes: {
            'celery.action': 'apply_async',
            'celery.task_name': task,
            'messaging.message.id': String(message.headers.id ?? ''),
            'messaging.destination': message.routingKey,
          },
        })
        spans.push(span)
        const carrier: Record<string, string> = {}
        propagation.inject(trace.setSpan(context.active(), span), carrier)
        return { ...message, headers: { ...message.headers, ...carrier } }
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
      const { context: task } = given
      const parent = propagation.extract(context.active(), task.headers, GETTER)
      const span = trace.getTracer(SCOPE).startSpan(
        `run/${task.name}`,
        {
          kind: SpanKind.CONSUMER,
          attributes: {
            'celery.action': 'run',
            'celery.task_name': task.name,
            'messaging.message.id': task.id,
            'messaging.destination': task.deliveryInfo.queue ?? task.deliveryInfo.routingKey,
            'celery.retries': task.retries,
          },
        },
        parent,
      )
      return context.with(trace.setSpan(parent, span), async () => {
        try {
          const outcome = await next(given)
          span.setAttribute('celery.state', STATES[outcome.kind])
          if (outcome.kind === 'failure') failed(span, outcome.error)
          return outcome
        } catch (error) {
          failed(span, error)
          throw error
        } finally {
          span.end()
        }
      })
    },
  }
}

const STATES = {
  success: 'SUCCESS',
  failure: 'FAILURE',
  retry: 'RETRY',
  lost: 'LOST',
  ignore: 'IGNORED',
  replace: 'REPLACED',
  reject: 'REJECTED',
} as const

/** Headers hold anything; a propagator reads texts. */
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
