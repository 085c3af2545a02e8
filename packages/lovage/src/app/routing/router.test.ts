import { describe, expect, test } from 'vitest'
import { Router, type Routes } from './router.js'

const router = (routes: Routes, more: object = {}): Router =>
  new Router({
    routes,
    queues: ['critical', { name: 'logs', exchange: 'x', exchangeType: 'topic', routingKey: 'log.info' }],
    defaultQueue: { name: 'celery' },
    defaultPriority: undefined,
    createMissing: true,
    ...more,
  })
const queueOf = (routes: Routes, task: string): string => router(routes).destination(task).routingKey

describe('a router', () => {
  test('takes exact names before globs, whatever their order in a record', () => {
    const routes = { 'billing.*': 'billing', 'billing.charge': 'critical' }
    expect(queueOf(routes, 'billing.charge')).toBe('critical')
    expect(queueOf(routes, 'billing.refund')).toBe('billing')
    expect(queueOf(routes, 'mail.send')).toBe('celery')
  })
  test('takes the first match of a list: names, globs, expressions and functions', () => {
    const routes: Routes = [
      ['a.b', { queue: 'first' }],
      [/^a\./, 'second'],
      (task) => (task === 'c' ? { queue: 'third' } : undefined),
      ['*', 'last'],
    ]
    expect(['a.b', 'a.c', 'c', 'd'].map((task) => queueOf(routes, task))).toEqual([
      'first',
      'second',
      'third',
      'last',
    ])
  })
  test('reads globs as shells do', () => {
    expect(queueOf({ 'a?c.[xy].*': 'q' }, 'abc.x.anything')).toBe('q')
    expect(queueOf({ 'a?c.[!xy].*': 'q' }, 'abc.x.anything')).toBe('celery')
    expect(queueOf({ 'a.b+c*': 'q' }, 'a.bbc')).toBe('celery')
  })
  test('lets the call win over the route, and keeps what the call left open', () => {
    const route = router({ t: { queue: 'routed', priority: 4 } }).route('t', [], {}, { queue: 'mine' })
    expect(route).toMatchObject({ routingKey: 'mine', priority: 4 })
  })
  test('sends to a direct queue through the default exchange, to others through their own', () => {
    expect(router({}).route('t', [], {}, { queue: 'critical' })).toMatchObject({
      exchange: '',
      routingKey: 'critical',
    })
    expect(router({}).route('t', [], {}, { queue: 'logs' })).toMatchObject({
      exchange: 'x',
      routingKey: 'log.info',
    })
    expect(router({}).route('t', [], {}, { exchange: 'e', routingKey: 'k' })).toEqual({
      exchange: 'e',
      routingKey: 'k',
    })
  })
  test('refuses a queue that nobody declared when missing ones are not made', () => {
    expect(() => router({}, { createMissing: false }).queue('tpyo')).toThrow(
      /tpyo is not in taskQueues \(critical, logs, celery\)/,
    )
  })
  test('keeps the queues in the order listed, with the default one last unless it is listed', () => {
    expect(router({}).declared.map(({ name }) => name)).toEqual(['critical', 'logs', 'celery'])
    const listed = router({}, { queues: ['critical', 'celery', 'low'] }).declared
    expect(listed.map(({ name }) => name)).toEqual(['critical', 'celery', 'low'])
  })
  test('gives the arguments to functions', () => {
    const routes: Routes = [(_task, [tenant], { urgent }) => (urgent ? 'critical' : `tenant-${tenant}`)]
    expect(router(routes).route('t', [7], {}, {}).routingKey).toBe('tenant-7')
    expect(router(routes).route('t', [7], { urgent: true }, {}).routingKey).toBe('critical')
  })
})
