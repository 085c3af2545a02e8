import { lookup } from 'node:dns'
import { BlockList, isIP } from 'node:net'
import { abortAfter } from 'lovage'
import { Agent, fetch } from 'undici'

/** Something that trying again will not mend; told in one line. */
export class Unfit extends Error {
  override readonly name = 'Unfit'
}

/** A page as it was answered. */
export interface Page {
  readonly status: number
  readonly html: string
  readonly bytes: number
  readonly durationMs: number
}

const TIMEOUT_MS = 20_000
const MOST_BYTES = 4 * 1024 * 1024

const OURS = new BlockList()
for (const [address, bits] of [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.168.0.0', 16],
  ['224.0.0.0', 3],
] as const)
  OURS.addSubnet(address, bits, 'ipv4')
for (const [address, bits] of [
  ['::', 127],
  ['fc00::', 7],
  ['fe80::', 10],
  ['ff00::', 8],
  ['64:ff9b::', 96],
] as const)
  OURS.addSubnet(address, bits, 'ipv6')

/** Whether an address is inside our own walls, which no monitor may look behind. */
export const isInside = (address: string): boolean =>
  OURS.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4')

const allowed = (address: string): boolean =>
  process.env.ALLOW_PRIVATE_ADDRESSES === '1' || !isInside(address)

/** Every connection is to an address that was looked at, whatever the name resolves to the next time. */
const agent = new Agent({
  connect: {
    lookup: (host, options, done) =>
      lookup(host, { ...options, all: true }, (error, addresses) => {
        if (error) return done(error, [])
        const inside = addresses.find(({ address }) => !allowed(address))
        return inside
          ? done(new Unfit(`${host} is ${inside.address}, which is not a public address.`), [])
          : done(null, addresses)
      }),
  },
})

/**
 * Fetches a page. Redirects are answers, not followed.
 * @throws {Unfit} when the address is inside our walls, or the page too large.
 */
export async function fetchPage(url: string, signal: AbortSignal): Promise<Page> {
  const { hostname } = new URL(url)
  const literal = hostname.replace(/^\[|\]$/g, '')
  if (isIP(literal) && !allowed(literal)) throw new Unfit(`${literal} is not a public address.`)
  const beganMs = performance.now()
  try {
    const response = await fetch(url, {
      dispatcher: agent,
      redirect: 'manual',
      signal: abortAfter(TIMEOUT_MS, signal),
      headers: { 'user-agent': 'consultantos-monitor', accept: 'text/html,text/plain;q=0.9,*/*;q=0.1' },
    })
    const [pieces, decoder] = [[] as string[], new TextDecoder()]
    let bytes = 0
    for await (const piece of response.body ?? []) {
      bytes += piece.length
      if (bytes > MOST_BYTES) throw new Unfit(`${url} has more than ${MOST_BYTES} bytes.`)
      pieces.push(decoder.decode(piece, { stream: true }))
    }
    const durationMs = Math.round(performance.now() - beganMs)
    return { status: response.status, html: pieces.join(''), bytes, durationMs }
  } catch (error) {
    signal.throwIfAborted()
    if (error instanceof Error && error.cause instanceof Unfit) throw error.cause
    throw error
  }
}
