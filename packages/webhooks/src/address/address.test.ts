import type { LookupAddress } from 'node:dns'
import { expect, test } from 'vitest'
import { readRanges } from './vet-address.js'
import { vetUrl } from './vet-url.js'
import { vettedLookup } from './vetted-lookup.js'

const none = { allowed: [], allowHttp: false }

test.each([
  ['https://127.0.0.1/', 'loopback'],
  ['https://2130706433/', 'loopback'],
  ['https://0177.0.0.1/', 'loopback'],
  ['https://0x7f.1/', 'loopback'],
  ['https://127.1/', 'loopback'],
  ['https://10.0.0.8/', 'private'],
  ['https://172.16.3.4/', 'private'],
  ['https://192.168.0.1/', 'private'],
  ['https://169.254.169.254/latest', 'linkLocal'],
  ['https://100.64.0.1/', 'carrierGradeNat'],
  ['https://0.0.0.0/', 'unspecified'],
  ['https://224.0.0.1/', 'multicast'],
  ['https://255.255.255.255/', 'broadcast'],
  ['https://192.0.2.1/', 'reserved'],
  ['https://198.18.0.1/', 'reserved'],
  ['https://[::1]/', 'loopback'],
  ['https://[::]/', 'unspecified'],
  ['https://[fe80::1]/', 'linkLocal'],
  ['https://[fd00::1]/', 'uniqueLocal'],
  ['https://[::ffff:127.0.0.1]/', 'loopback'],
  ['https://[::ffff:7f00:1]/', 'loopback'],
  ['https://[::ffff:0:127.0.0.1]/', 'rfc6145'],
  ['https://[64:ff9b::7f00:1]/', 'rfc6052'],
  ['https://[64:ff9b:1::7f00:1]/', 'rfc6052'],
  ['https://[::127.0.0.1]/', 'notGlobal'],
  ['https://[fec0::1]/', 'deprecatedSiteLocal'],
  ['https://[2002:7f00:1::]/', '6to4'],
  ['https://[2001:0:4136:e378:8000:63bf:3fff:fdd2]/', 'teredo'],
  ['https://[2001:db8::1]/', 'reserved'],
  ['https://[ff02::1]/', 'multicast'],
])('%s is refused when it is registered', (url, range) => {
  expect(() => vetUrl(url, none)).toThrow(`it is not public (${range})`)
})

test.each([
  ['http://example.com/', /http: is not allowed/],
  ['ftp://example.com/', /ftp: is not allowed/],
  ['https://user:secret@example.com/', /credentials/],
  ['https://example.com/#x', /fragment/],
  ['example.com', /is not a URL/],
])('%s is refused', (url, why) => {
  expect(() => vetUrl(url, none)).toThrow(why)
})

test('a public address, a name and an allowed range are taken', () => {
  const rules = { allowed: readRanges(['127.0.0.0/8', 'fd00::/8']), allowHttp: true }
  for (const url of ['https://93.184.216.34/', 'https://[2606:2800:220:1::1]/', 'https://example.com/hooks'])
    expect(vetUrl(url, none).href).toBe(url)
  for (const url of ['http://127.0.0.1:8080/', 'http://[::ffff:127.0.0.1]/', 'http://[fd00::5]/'])
    expect(() => vetUrl(url, rules)).not.toThrow()
  expect(() => vetUrl('http://10.0.0.1/', rules)).toThrow(/private/)
  expect(() => readRanges(['10.0.0.0/33'])).toThrow(/not an address range/)
})

function ask(addresses: LookupAddress[], all: boolean): Promise<unknown[]> {
  return new Promise((resolve) => {
    const lookup = vettedLookup(none, (_host, _options, done) => done(null, addresses))
    lookup('rebind.example', { all }, (...answer) => resolve(answer))
  })
}

test('every address of a name is vetted, however many are asked for', async () => {
  const [open, closed] = [
    { address: '93.184.216.34', family: 4 },
    { address: '::ffff:10.0.0.1', family: 6 },
  ]
  expect(await ask([open], false)).toEqual([null, '93.184.216.34', 4])
  expect(await ask([open], true)).toEqual([null, [open]])
  for (const all of [true, false]) {
    const [error] = await ask([open, closed], all)
    expect(error).toMatchObject({ code: 'LVG_WEBHOOK_BLOCKED_URL', field: 'url' })
  }
  expect((await ask([], true))[0]).toMatchObject({ code: 'ENOTFOUND' })
})
