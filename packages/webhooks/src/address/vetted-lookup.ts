import { type LookupAddress, type LookupOptions, lookup as systemLookup } from 'node:dns'
import { blockedRange } from './vet-address.js'
import type { AddressRules } from './vet-url.js'
import { blockedUrl } from './vet-url.js'

/** Resolves a name to all of its addresses; Node's own resolver, or a test's. */
export type Resolver = (
  hostname: string,
  options: { readonly all: true },
  done: (error: NodeJS.ErrnoException | null, addresses: LookupAddress[]) => void,
) => void

type Done = (error: Error | null, address: string | LookupAddress[], family?: number) => void

/** Node's own resolver, which also reads the hosts file. */
export const systemResolver: Resolver = (hostname, options, done) => systemLookup(hostname, options, done)

/**
 * A socket `lookup` that returns only vetted addresses. All addresses of a name are checked, and a blocked one blocks the name: the
 * connection goes to a vetted address, even if the name resolves differently a moment later.
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
