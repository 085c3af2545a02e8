import { expect, test } from 'vitest'
import { Meters } from './meters.js'

test('counters, gauges and histograms are told in the text format of Prometheus', async () => {
  const metrics = new Meters()
  const orders = metrics.counter('orders_total', 'Orders taken.')
  orders.inc({ kind: 'a "b"\n' })
  orders.inc({ kind: 'a "b"\n' }, 2)
  metrics.gauge('stock', 'What is there.', () => [{ labels: { of: 'tea' }, value: 7 }])
  const took = metrics.histogram('took_seconds', 'How long.', [1, 5])
  took.observe(0.5)
  took.observe(3)
  expect(await metrics.text()).toBe(
    [
      ...[
        '# HELP orders_total Orders taken.',
        '# TYPE orders_total counter',
        'orders_total{kind="a \\"b\\"\\n"} 3',
      ],
      ...['# HELP stock What is there.', '# TYPE stock gauge', 'stock{of="tea"} 7'],
      ...['# HELP took_seconds How long.', '# TYPE took_seconds histogram', 'took_seconds_bucket{le="1"} 1'],
      ...[
        'took_seconds_bucket{le="5"} 2',
        'took_seconds_bucket{le="+Inf"} 2',
        'took_seconds_sum 3.5',
        'took_seconds_count 2',
        '',
      ],
    ].join('\n'),
  )
})

test('labels without end do not grow it without end', async () => {
  const metrics = new Meters()
  const seen = metrics.counter('seen_total', 'Seen.')
  for (let index = 0; index < 2000; index++) seen.inc({ id: String(index) })
  const lines = (await metrics.text()).split('\n').filter((line) => line.startsWith('seen_total'))
  expect(lines).toHaveLength(1001)
  expect(lines.at(-1)).toBe('seen_total{id="other"} 1000')
})

test('a gauge that cannot be read is told and leaves the others alone', async () => {
  const metrics = new Meters()
  const errors: string[] = []
  metrics.gauge('broken', 'Broken.', () => Promise.reject(new Error('away')))
  metrics.gauge('whole', 'Whole.', () => [{ value: 1 }])
  expect(await metrics.text((name) => errors.push(name))).toContain('whole 1')
  expect(errors).toEqual(['broken'])
  expect(() => metrics.counter('whole', 'Again.')).toThrow('There is a metric whole already.')
  expect(() => metrics.counter('9 lives', 'No.')).toThrow('"9 lives" is not a valid metric name.')
})
