import { createHash, timingSafeEqual } from 'node:crypto'
import type { Person, Role } from './person.js'

/** A user with a password. */
export interface Login extends Person {
  readonly password: string
}

const ROLES: ReadonlySet<string> = new Set(['viewer', 'operator', 'admin'])

/** Parses a login from the command line: `user:password`, or `user:password:role`; without a role it has full access, as in Flower. */
export function loginOf(text: string): Login {
  const [name = '', ...rest] = text.split(':')
  const last = rest.at(-1)
  const hasRole = rest.length > 1 && last !== undefined && ROLES.has(last)
  return {
    name,
    password: (hasRole ? rest.slice(0, -1) : rest).join(':'),
    // The set above contains only roles.
    role: hasRole ? (last as Role) : 'admin',
  }
}

/** The user of an Authorization header; undefined when the name or the password is wrong. */
export function personOf(logins: readonly Login[], header = ''): Person | undefined {
  const [scheme, encoded = ''] = header.split(' ')
  if (scheme?.toLowerCase() !== 'basic') return undefined
  const given = Buffer.from(encoded, 'base64').toString('utf8')
  // All logins are compared, in constant time.
  const found = logins.filter(({ name, password }) => isSame(`${name}:${password}`, given))
  return found[0] && { name: found[0].name, role: found[0].role }
}

const isSame = (one: string, other: string): boolean => timingSafeEqual(digest(one), digest(other))
const digest = (text: string): Buffer => createHash('sha256').update(text).digest()
