import { type LookupAddress, type LookupOptions, lookup as systemLookup } from 'node:dns'
import { blockedRange } from './vet-address.js'
import type { AddressRules } from './vet-url.js'
import { blockedUrl } from './vet-url.js'

/** What resolves a name to all of its addresses; Node's own, or a test's. */
export type Resolver = (
  hostname: string,
  options: { readonly all: true },
  done: (error: NodeJS.ErrnoException | null, addresses: LookupAddress[]) => void,
) => void

type Done = (error: Error | null, address: string | LookupAddress[], family?: number) => void

/** Node's own resolver, which also reads the hosts file. */
export const systemResolver: Resolver = (hostname, options, done) => systemLookup(hostname, options, done)

/**
 * A `lookup` for sockets that hands out vetted addresses alone. All that a name has are looked at, and one that is blocked blocks the name:
 * what is connected to is what was vetted, whatever the name says a moment later.
 */
export function vettedLookup(rules: AddressRules, resolve: Resolver = systemResolver) {
  return (hostname: string, options: LookupOptions, done: Done): void => {
    resolve(hostname, { all: true }, (error, addresses) => {
      if (error) return done(error, [])
      for (const { address } of addresses) {
        const blocked = blockedRange(address, rules.allowed)
        if (blocked !== null) return done(blockedUrl(hostname, address, blocked), [])
      }
      const [first] = addresses
      if (!first)
        return done(Object.assign(new Error(`${hostname} has no address`), { code: 'ENOTFOUND' }), [])
      if (options.all) done(null, addresses)
      else done(null, first.address, first.family)
    })
  }
}
