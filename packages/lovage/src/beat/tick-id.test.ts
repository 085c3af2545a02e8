import { describe, expect, it } from 'vitest'
import { jitterOf, tickId, uuid5 } from './tick-id.js'

describe('the id of a tick', () => {
  it('is a UUID version 5, as Python makes them', () => {
    // python3 -c "import uuid; print(uuid.uuid5(uuid.NAMESPACE_DNS, 'python.org'))"
    expect(uuid5('6ba7b810-9dad-11d1-80b4-00c04fd430c8', 'python.org')).toBe(
      '886313e1-3b8a-5372-9b90-0c9aee199e5d',
    )
  })

  it('differs with app, entry and instant, and with nothing else', () => {
    const ids = [
      tickId('a', 'b', 1),
      tickId('a', 'b', 2),
      tickId('a', 'c', 1),
      tickId('b', 'b', 1),
      tickId('a\nb', '', 1),
    ]
    expect(new Set(ids).size).toBe(ids.length)
    expect(tickId('a', 'b', 1)).toBe(ids[0])
  })

  it('spreads its jitter evenly over the whole span', () => {
    const delays = Array.from({ length: 2_000 }, (_, tick) => jitterOf(tickId('a', 'b', tick), 9))
    for (let ms = 0; ms <= 9; ms++) {
      expect(delays.filter((delay) => delay === ms).length).toBeGreaterThan(140)
    }
    expect(jitterOf(tickId('a', 'b', 1), 0)).toBe(0)
  })
})
