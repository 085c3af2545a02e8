import fc from 'fast-check'
import { expect, test } from 'vitest'
import { FleetingMap } from './fleeting-map.js'

const steps = fc.array(
  fc.oneof(
    fc.record({ kind: fc.constant('set' as const), key: fc.nat(40), value: fc.nat() }),
    fc.record({ kind: fc.constant('delete' as const), key: fc.nat(40), value: fc.constant(0) }),
    fc.record({ kind: fc.constant('clear' as const), key: fc.constant(0), value: fc.constant(0) }),
  ),
  { maxLength: 300 },
)

test('does what a Map does, and a key that is set again comes last', () => {
  fc.assert(
    fc.property(steps, (taken) => {
      const real = new Map<string, number>()
      const map = new FleetingMap<number>()
      for (const { kind, key, value } of taken) {
        const name = `a-key-that-is-longer-than-what-is-hashed-${key}`
        if (kind === 'clear') {
          real.clear()
          map.clear()
        } else if (kind === 'delete') expect(map.delete(name)).toBe(real.delete(name))
        else {
          real.delete(name)
          real.set(name, value)
          map.set(name, value)
        }
        expect(map.size).toBe(real.size)
        expect(map.get(name)).toBe(real.get(name))
        expect(map.has(name)).toBe(real.has(name))
      }
      expect(map.values()).toEqual([...real.values()])
      expect(map.keys()).toEqual([...real.keys()])
    }),
  )
})

test('finds thousands, keys that end alike included', () => {
  const map = new FleetingMap<number>()
  for (let i = 0; i < 5_000; i++) map.set(`${i}-the-same-end-of-every-key`, i)
  expect(map.size).toBe(5_000)
  for (let i = 0; i < 5_000; i += 500) expect(map.get(`${i}-the-same-end-of-every-key`)).toBe(i)
})
