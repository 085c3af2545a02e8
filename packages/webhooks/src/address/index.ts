export { blockedRange, readRanges } from './vet-address.js'
export { type AddressRules, blockedUrl, literalAddress, vetUrl } from './vet-url.js'
export { type Resolver, systemResolver, vettedLookup } from './vetted-lookup.js'
