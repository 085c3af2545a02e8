import { expect, test } from 'vitest'
import { newRingKey, readRing, Vault } from './vault.js'

const [a, b] = [newRingKey('2026-01'), newRingKey('2026-02')]

test('an old key still opens what it sealed, and the new one seals', () => {
  const sealed = new Vault(readRing(a)).seal('whsec_x', 'sec_1')
  const after = new Vault(readRing(`${b}, ${a}`))
  expect(after.open(sealed, 'sec_1')).toBe('whsec_x')
  expect(after.isOld(sealed)).toBe(true)
  expect(after.isOld(after.seal('whsec_x', 'sec_1'))).toBe(false)
  expect(Buffer.from(sealed).includes('whsec_x')).toBe(false)
})

test('a missing key is named; a moved or changed text is refused', () => {
  const vault = new Vault(readRing(a))
  const sealed = vault.seal('whsec_x', 'sec_1')
  expect(() => new Vault(readRing(b)).open(sealed, 'sec_1')).toThrow(/needs the key "2026-01"/)
  expect(() => vault.open(sealed, 'sec_2')).toThrow(/was changed/)
  const last = sealed.length - 1
  sealed[last] = (sealed[last] ?? 0) ^ 1
  expect(() => vault.open(sealed, 'sec_1')).toThrow(/was changed/)
})

test.each([
  ['', /the ring is empty/],
  ['x', /name:base64/],
  ['x:AAAA', /3 bytes instead of 32/],
  [`${a},${a}`, /one name/],
])('the ring %j is refused', (text, why) => {
  expect(() => new Vault(readRing(text))).toThrow(why)
})
