import ipaddr from 'ipaddr.js'
import { WebhookError } from '../domain/index.js'

/** An allowed non-public address range. */
export type AllowedRange = readonly [address: ipaddr.IPv4 | ipaddr.IPv6, bits: number]

/**
 * Reads CIDR notation (`10.1.0.0/16`, `fd00::/8`, or one address).
 * @throws {WebhookError} LVG_WEBHOOK_SETUP.
 */
export function readRanges(cidrs: readonly string[]): readonly AllowedRange[] {
  return cidrs.map((cidr) => {
    try {
      if (cidr.includes('/')) return ipaddr.parseCIDR(cidr)
      const address = ipaddr.parse(cidr)
      return [address, address.kind() === 'ipv4' ? 32 : 128]
    } catch (cause) {
      throw new WebhookError(`allowedCidrs has ${JSON.stringify(cidr)}, which is not an address range.`, {
        code: 'LVG_WEBHOOK_SETUP',
        field: 'allowedCidrs',
        cause,
      })
    }
  })
}

/**
 * The reason an address is blocked: the name of its range (`loopback`, `private`, `linkLocal`, `carrierGradeNat`, …); null = usable,
 * because it is public or allowed. An IPv4 address inside an IPv6 one (mapped, NAT64, 6to4, Teredo) is never public.
 */
export function blockedRange(address: string, allowed: readonly AllowedRange[]): string | null {
  if (!ipaddr.isValid(address)) return 'unreadable'
  const written = ipaddr.parse(address.replace(/%.*$/, ''))
  // A mapped address is treated as the IPv4 address that it contains, in both checks.
  const parsed = ipaddr.process(written.toString())
  for (const [range, bits] of allowed)
    if (range.kind() === parsed.kind() && parsed.match(range, bits)) return null
  const name = parsed.range()
  if (name !== 'unicast') return name
  // ipaddr.js 2.5 calls `::7f00:1` unicast, the form that the URL parser gives to `::127.0.0.1`: only 2000::/3 is allocated as public.
  return parsed.kind() === 'ipv4' || parsed.match(GLOBAL_UNICAST) ? null : 'notGlobal'
}

const GLOBAL_UNICAST = ipaddr.parseCIDR('2000::/3') as [ipaddr.IPv6, number]
