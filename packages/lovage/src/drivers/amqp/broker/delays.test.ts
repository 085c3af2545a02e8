import { describe, expect, it } from 'vitest'
import { matchesTopic } from '../../shared/index.js'
import { delayRoute, isFromDelays, queueOfDelay } from './delays.js'

const bits = (key: string): string => key.split('.').slice(0, 28).join('')
const end = (key: string): string => key.split('.').slice(28).join('.')

describe('the route of a delay', () => {
  it.each([
    [3_000, 'celery_delayed_1', 3],
    [2_001, 'celery_delayed_1', 3],
    [1, 'celery_delayed_0', 1],
    [-5, 'celery_delayed_0', 1],
    [86_400_000, 'celery_delayed_16', 86_400],
    [1e15, 'celery_delayed_27', 2 ** 28 - 1],
  ])('of %i ms begins at %s and has the bits of %i s', (ms, exchange, seconds) => {
    const route = delayRoute('mail', ms)
    expect(route.exchange).toBe(exchange)
    expect(bits(route.routingKey)).toBe(seconds.toString(2).padStart(28, '0'))
    expect(end(route.routingKey)).toBe('mail.lovage-to')
  })

  it('meets none of Celery’s bindings, which match every longer name', () => {
    const { routingKey } = delayRoute('x.mail', 1_000)
    expect(matchesTopic('#.mail', routingKey)).toBe(false)
    expect(matchesTopic(`${'*.'.repeat(28)}x.mail.lovage-to`, routingKey)).toBe(true)
    expect(matchesTopic(`${'*.'.repeat(28)}mail.lovage-to`, routingKey)).toBe(false)
  })

  it('of a name that a binding would misread, or that is too long, has its hash', () => {
    for (const name of ['a.*.b', '#', 'x'.repeat(255), 'ü'])
      expect(end(delayRoute(name, 1).routingKey)).toMatch(/^[0-9a-f]{64}\.lovage-to$/)
    expect(Buffer.byteLength(delayRoute('x'.repeat(150), 1).routingKey)).toBeLessThanOrEqual(255)
  })

  it('has the prefix of the fleet, and is known with any', () => {
    expect(delayRoute('mail', 1_000, 'shop').exchange).toBe('shop_celery_delayed_0')
    const names = ['celery_delayed_delivery', 'shop_celery_delayed_7', 'celery_delayed_7', 'mail', '']
    expect(names.map(isFromDelays)).toEqual([true, true, true, false, false])
  })

  it('tells its queue, where that is no hash', () => {
    expect(queueOfDelay(delayRoute('customer.7', 1_000).routingKey)).toBe('customer.7')
    expect(queueOfDelay(delayRoute('ü', 1_000).routingKey)).toBe(undefined)
    expect(queueOfDelay('quorum.key')).toBe(undefined)
  })
})
