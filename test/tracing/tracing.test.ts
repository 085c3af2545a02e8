import { context, propagation, type SpanContext, SpanKind, trace } from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import { W3CTraceContextPropagator } from '@opentelemetry/core'
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base'
import { group, tracing } from 'lovage'
import { createTestApp, startTestWorker, until } from 'lovage/testing'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { coreOf } from '../../packages/lovage/src/app/core/index.js'

const exporter = new InMemorySpanExporter()
beforeAll(() => {
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable())
  propagation.setGlobalPropagator(new W3CTraceContextPropagator())
  trace.setGlobalTracerProvider(
    new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] }),
  )
})
afterEach(() => exporter.reset())
afterAll(() => {
  trace.disable()
  context.disable()
  propagation.disable()
})

const spans = () => exporter.getFinishedSpans()

test('a run is below its publication, and what it sends below the run', async () => {
  await using app = createTestApp('traced', { middleware: [tracing()] })
  const inner = app.task({ name: 'inner', run: () => 1 })
  const outer = app.task({ name: 'outer', run: async () => void (await inner.delay()) })
  await using _worker = await startTestWorker(app)
  await outer.delay()
  await until(() => spans().length === 6)
  const byName = new Map(spans().map((span) => [span.name, span]))
  const [send, run, sendInner, runInner] = [
    'apply_async/outer',
    'run/outer',
    'apply_async/inner',
    'run/inner',
  ].map((name) => byName.get(name))
  expect(new Set(spans().map((span) => span.spanContext().traceId)).size).toBe(1)
  expect(run?.parentSpanContext?.spanId).toBe(send?.spanContext().spanId)
  expect(sendInner?.parentSpanContext?.spanId).toBe(run?.spanContext().spanId)
  expect(runInner?.parentSpanContext?.spanId).toBe(sendInner?.spanContext().spanId)
  expect([send?.kind, run?.kind]).toEqual([SpanKind.PRODUCER, SpanKind.CONSUMER])
  expect(run?.attributes).toMatchObject({ 'celery.task_name': 'outer', 'celery.state': 'SUCCESS' })
})

test('a task that fails marks its span, and a foreign traceparent is its parent', async () => {
  await using app = createTestApp('traced', { middleware: [tracing()] })
  await using plain = createTestApp('plain', { broker: coreOf(app).brokerUrl })
  app.task({
    name: 'bad',
    run: () => {
      throw new TypeError('no')
    },
  })
  await using _worker = await startTestWorker(app)
  const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
  await plain.sendTask('bad', { headers: { traceparent } })
  await until(() => spans().length === 2)
  const run = spans().find(({ name }) => name === 'run/bad')
  expect(run?.spanContext().traceId).toBe('0af7651916cd43dd8448eb211c80319c')
  expect(run?.parentSpanContext?.spanId).toBe('b7ad6b7169203331')
  expect(run?.status).toMatchObject({ code: 2, message: 'no' })
  expect(run?.events.map(({ name }) => name)).toEqual(['exception'])
})

test('the wait for a run is a span, and the steps of a chain are below the runs before them', async () => {
  await using app = createTestApp('traced', { middleware: [tracing()] })
  const add = app.task({ name: 'add', run: (_ctx, x: number, y: number) => x + y })
  const told: string[] = []
  const tell = app.task({ name: 'tell', run: (_ctx, sum: number) => void told.push(String(sum)) })
  await add.s(1, 2).pipe(add.s(10)).pipe(tell.s()).delay()
  {
    await using _worker = await startTestWorker(app)
    await until(() => told.length === 1)
  }
  expect(told).toEqual(['13'])
  const named = (name: string) => spans().filter((span) => span.name === name)
  const [first, second] = named('run/add')
  const [last] = named('run/tell')
  const [send] = named('apply_async/add')
  expect(new Set(spans().map((span) => span.spanContext().traceId)).size).toBe(1)
  expect(first?.parentSpanContext?.spanId).toBe(send?.spanContext().spanId)
  expect(second?.parentSpanContext?.spanId).toBe(first?.spanContext().spanId)
  expect(last?.parentSpanContext?.spanId).toBe(second?.spanContext().spanId)
  const [wait] = named('wait/add')
  expect(wait?.parentSpanContext?.spanId).toBe(send?.spanContext().spanId)
  expect(wait?.startTime[0]).toBeGreaterThan(1_700_000_000)
})

test('the body of a chord is linked to the runs of its members', async () => {
  await using app = createTestApp('traced', { middleware: [tracing()] })
  const add = app.task({ name: 'add', run: (_ctx, x: number, y: number) => x + y })
  const sum = app.task({ name: 'sum', run: (_ctx, parts: number[]) => parts.reduce((a, b) => a + b, 0) })
  await using _worker = await startTestWorker(app)
  const result = await group([add.s(1, 2), add.s(3, 4), add.s(5, 6)])
    .pipe(sum.s())
    .delay()
  expect(await result.get({ timeout: 20 })).toBe(21)
  await until(() => spans().some(({ name }) => name === 'run/sum'))
  const idOf = (context: SpanContext | undefined): string => `${context?.traceId}/${context?.spanId}`
  const body = spans().find(({ name }) => name === 'run/sum')
  const members = spans().filter(({ name }) => name === 'run/add')
  expect(members).toHaveLength(3)
  expect(body?.links.map(({ context }) => idOf(context)).sort()).toEqual(
    members.map((span) => idOf(span.spanContext())).sort(),
  )
  for (const member of members) expect(member.links).toEqual([])
})

test('a run whose publication was not sampled makes no span, and what it sends is not sampled either', async () => {
  await using app = createTestApp('traced', { middleware: [tracing()] })
  const headers: unknown[] = []
  const inner = app.task({ name: 'inner', run: (ctx) => void headers.push(ctx.headers.traceparent) })
  app.task({ name: 'outer', run: async () => void (await inner.delay()) })
  await using _worker = await startTestWorker(app)
  // No SDK is asked for the publication: its context is a header of the call.
  await using plain = createTestApp('plain', { broker: coreOf(app).brokerUrl })
  const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00'
  await plain.sendTask('outer', { headers: { traceparent } })
  await until(() => headers.length === 1)
  expect(spans().filter(({ name }) => name === 'run/outer')).toEqual([])
  expect(String(headers[0])).toMatch(/^00-0af7651916cd43dd8448eb211c80319c-/)
})
