import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { isLovageError } from 'lovage'
import { expect, test, vi } from 'vitest'
import { newSigningSecret, readSigningSecret, signatureHeader } from '../signing/index.js'
import { verify } from './verify.js'
import { WebhookVerifyError } from './verify-error.js'

const SECRET = newSigningSecret('v1').text
const BODY = '{"type":"order.paid","data":{"card":"4000-canary"}}'
const NOW_S = 1_700_000_000

const signedBody = (body: string | Uint8Array) =>
  signatureHeader([readSigningSecret(SECRET)], 'msg_1', NOW_S, Buffer.from(body))

const HEADERS: Readonly<Record<string, string | string[] | undefined>> = {
  'webhook-id': 'msg_1',
  'webhook-timestamp': String(NOW_S),
  'webhook-signature': signedBody(BODY),
}

interface Given {
  readonly body?: unknown
  readonly headers?: unknown
  readonly keys?: unknown
  readonly options?: unknown
}

/** What `verify` refuses with, of a request that is right but for `given`, as JavaScript might call it. */
async function refusal({
  body = BODY,
  headers = {},
  keys = SECRET,
  options,
}: Given): Promise<WebhookVerifyError> {
  const all = typeof headers === 'object' && headers !== null ? { ...HEADERS, ...headers } : headers
  const settings = { nowMs: NOW_S * 1000, ...(typeof options === 'object' ? options : {}) }
  // Wrong types on purpose: callers without a compiler pass them.
  const call = verify as (...args: unknown[]) => Promise<unknown>
  try {
    await call(body, all, keys, settings)
  } catch (error) {
    if (error instanceof WebhookVerifyError) return error
    throw error
  }
  throw new Error('It was accepted.')
}

const base64 = (bytes: number) => Buffer.alloc(bytes, 7).toString('base64')
const signature = (body: string | Uint8Array) => ({ 'webhook-signature': signedBody(body) })
const notUtf8 = Uint8Array.of(0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d)

test.each<[string, Given, code: string, message: RegExp]>([
  ['no id', { headers: { 'webhook-id': undefined } }, 'HEADER_MISSING', /webhook-id is missing/],
  ['no timestamp', { headers: { 'webhook-timestamp': undefined } }, 'HEADER_MISSING', /webhook-timestamp is/],
  ['no signature', { headers: { 'webhook-signature': [] } }, 'HEADER_MISSING', /webhook-signature is/],
  ['a blank id', { headers: { 'webhook-id': ' ' } }, 'HEADER_MISSING', /webhook-id is missing/],
  ['headers that are none', { headers: 'x' }, 'SETUP', /headers are not an object/],
  [
    'two ids',
    { headers: { 'webhook-id': ['msg_1', 'msg_2'] } },
    'HEADER_MALFORMED',
    /webhook-id is there more/,
  ],
  [
    'two ids in two cases',
    { headers: { 'Webhook-Id': 'msg_2' } },
    'HEADER_MALFORMED',
    /webhook-id is there more/,
  ],
  [
    'a date',
    { headers: { 'webhook-timestamp': '2026-01-01' } },
    'HEADER_MALFORMED',
    /webhook-timestamp is not/,
  ],
  [
    'a fraction',
    { headers: { 'webhook-timestamp': `${NOW_S}.0` } },
    'HEADER_MALFORMED',
    /webhook-timestamp is/,
  ],
  [
    'milliseconds',
    { headers: { 'webhook-timestamp': `${NOW_S}000` } },
    'HEADER_MALFORMED',
    /number of seconds/,
  ],
  [
    'words behind',
    { headers: { 'webhook-timestamp': `${NOW_S}x` } },
    'HEADER_MALFORMED',
    /webhook-timestamp is/,
  ],
  [
    '33 signatures',
    { headers: { 'webhook-signature': 'v1,AA '.repeat(33) } },
    'HEADER_MALFORMED',
    /more than 32/,
  ],
  ['an old time', { options: { nowMs: (NOW_S + 500) * 1000 } }, 'TOO_OLD', /signed 500 s ago: too old/],
  [
    'a new time',
    { options: { nowMs: (NOW_S - 500) * 1000 } },
    'TOO_NEW',
    /signed 500 s in the future: too new/,
  ],
  [
    'another body',
    { body: `${BODY} ` },
    'NO_MATCH',
    /No signature matches \(signatures v1: 1, v1a: 0; keys v1: 1/,
  ],
  [
    'JSON written again',
    { body: JSON.stringify(JSON.parse(BODY), null, 1) },
    'NO_MATCH',
    /No signature matches/,
  ],
  ['an empty body', { body: '' }, 'NO_MATCH', /No signature matches/],
  ['another key', { keys: newSigningSecret('v1').text }, 'NO_MATCH', /No signature matches/],
  ['no scheme', { headers: { 'webhook-signature': signedBody(BODY).slice(3) } }, 'NO_MATCH', /has a scheme/],
  [
    'a cut signature',
    { headers: { 'webhook-signature': signedBody(BODY).slice(0, -8) } },
    'NO_MATCH',
    /matches/,
  ],
  ['no base64', { headers: { 'webhook-signature': 'v1,*** v1,=' } }, 'NO_MATCH', /signatures v1: 2/],
  ['no keys', { keys: [] }, 'SETUP', /no key to verify with/],
  ['a key of nothing', { keys: null }, 'SETUP', /no key to verify with/],
  [
    'a variable that is not set',
    { keys: [SECRET, undefined] },
    'KEY_MALFORMED',
    /Key 2 is undefined, not text/,
  ],
  ['no prefix', { keys: SECRET.slice(6) }, 'KEY_MALFORMED', /Key 1 begins with neither whsec_ nor whpk_/],
  ['quotes', { keys: `"${SECRET}"` }, 'KEY_MALFORMED', /begins with neither/],
  ['a line end', { keys: `${SECRET}\n` }, 'KEY_MALFORMED', /is not base64 after whsec_/],
  ['base64url', { keys: `whsec_${'-_'.repeat(16)}` }, 'KEY_MALFORMED', /is not base64 after whsec_/],
  ['a short secret', { keys: `whsec_${base64(23)}` }, 'KEY_MALFORMED', /has 23 bytes; a secret has 24 to 64/],
  ['a long secret', { keys: `whsec_${base64(65)}` }, 'KEY_MALFORMED', /has 65 bytes; a secret has 24 to 64/],
  ['a short public key', { keys: `whpk_${base64(31)}` }, 'KEY_MALFORMED', /31 bytes; an ed25519 key has 32/],
  ['an empty public key', { keys: 'whpk_' }, 'KEY_MALFORMED', /is not base64 after whpk_/],
  ['a private key', { keys: newSigningSecret('v1a').text }, 'KEY_MALFORMED', /Key 1 is a private key/],
  [
    'a parsed body',
    { body: JSON.parse(BODY) },
    'RAW_BODY',
    /is of type object, neither bytes nor text: it was/,
  ],
  ['no body', { body: null }, 'RAW_BODY', /is null/],
  ['a wrong tolerance', { options: { toleranceMs: Number.NaN } }, 'SETUP', /toleranceMs must be/],
  ['a negative tolerance', { options: { toleranceMs: -1 } }, 'SETUP', /toleranceMs must be/],
  ['a wrong clock', { options: { nowMs: Number.NaN } }, 'SETUP', /nowMs must be/],
  ['no JSON', { body: '4000-canary', headers: signature('4000-canary') }, 'EVENT_MALFORMED', /is not JSON\./],
  ['no UTF-8', { body: notUtf8, headers: signature(notUtf8) }, 'EVENT_MALFORMED', /is not JSON\./],
  ['a list', { body: '[1]', headers: signature('[1]') }, 'EVENT_MALFORMED', /is not a JSON object/],
  ['null', { body: 'null', headers: signature('null') }, 'EVENT_MALFORMED', /is not a JSON object/],
])('%s: one clear error, which shows no secret', async (_name, given, code, message) => {
  const error = await refusal(given)
  expect(error.code).toBe(`LVG_VERIFY_${code}`)
  expect(error.message).toMatch(message)
  expect(error.hint.length).toBeGreaterThan(20)
  expect(isLovageError(error)).toBe(true)
  const shown = `${error.stack} ${JSON.stringify(error)} ${JSON.stringify(error.details)} ${error.cause}`
  const hidden = [SECRET.slice(6), signedBody(BODY).slice(3), 'canary', ...[given.keys].flat().map(String)]
  for (const each of hidden) if (each.length > 12) expect(shown).not.toContain(each)
})

test('one dotted text cannot be cut into two requests', async () => {
  // The sender signed the number 1700000000.5 as the body of msg_1; the same text is msg_1.1699999999 with the body 5.
  const text = signatureHeader([readSigningSecret(SECRET)], 'msg_1', 1_699_999_999, Buffer.from(`${NOW_S}.5`))
  const headers = { 'webhook-id': 'msg_1.1699999999', 'webhook-signature': text }
  expect(await refusal({ body: '5', headers })).toMatchObject({
    code: 'LVG_VERIFY_EVENT_MALFORMED',
    status: 400,
  })
})

test('a runtime without Web Crypto, or without ed25519 in it, says so', async () => {
  const { subtle } = crypto
  const { publicKey } = newSigningSecret('v1a')
  const v1a = { 'webhook-signature': `v1a,${base64(64)}` }
  try {
    vi.stubGlobal('crypto', undefined)
    expect(await refusal({})).toMatchObject({ code: 'LVG_VERIFY_SETUP', message: /no Web Crypto/ })
    for (const [name, code] of [
      ['NotSupportedError', 'LVG_VERIFY_SETUP'],
      ['DataError', 'LVG_VERIFY_KEY_MALFORMED'],
    ] as const) {
      const importKey = () => Promise.reject(new DOMException('no', name))
      vi.stubGlobal('crypto', { subtle: { importKey, verify: subtle.verify.bind(subtle) } })
      expect(await refusal({ keys: publicKey, headers: v1a })).toMatchObject({ code })
    }
  } finally {
    vi.unstubAllGlobals()
  }
})

test('it imports nothing, and runs where Node has no globals of its own', () => {
  const folder = fileURLToPath(new URL('.', import.meta.url))
  const sources = readdirSync(folder).filter((name) => !name.endsWith('.test.ts'))
  // Examples in docstrings import the package itself.
  const codeOf = (name: string): string =>
    readFileSync(`${folder}/${name}`, 'utf8').replace(/\/\*\*[\s\S]*?\*\//g, '')
  const imported = sources.flatMap((name) =>
    [...codeOf(name).matchAll(/(?:from|import)\s*\(?\s*'([^']+)'/g)].map(([, from]) => from),
  )
  expect(imported.length).toBeGreaterThan(4)
  expect(imported.filter((from) => !from?.startsWith('./'))).toEqual([])
  const built = pathToFileURL(fileURLToPath(new URL('../../dist/verify/index.js', import.meta.url))).href
  const program = `
    const { verify } = await import(${JSON.stringify(built)})
    const [body, headers, key] = ${JSON.stringify([BODY, HEADERS, SECRET])}
    const print = console.log
    for (const name of ['process', 'Buffer', 'global', 'setImmediate', 'clearImmediate']) delete globalThis[name]
    const { event } = await verify(body, headers, key, { nowMs: ${NOW_S * 1000} })
    print(typeof Buffer, typeof process, event.type)`
  const printed = execFileSync(process.execPath, ['--input-type=module', '-e', program], { encoding: 'utf8' })
  expect(printed).toBe('undefined undefined order.paid\n')
})
