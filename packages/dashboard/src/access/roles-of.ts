import { namePattern } from './name-pattern.js'
import type { Role } from './person.js'

/**
 * The role of a name that an identity provider or a proxy vouches for: `admins` and `operators` are patterns; all others are viewers.
 * Without either pattern, everyone who is let in has full access, as in Flower.
 * @throws {ConfigurationError} LVG_CONFIG_INVALID for a pattern that cannot be understood.
 */
export function rolesOf({
  admins,
  operators,
}: {
  readonly admins: string
  readonly operators: string
}): (name: string) => Role {
  if (admins === '' && operators === '') return () => 'admin'
  const isAdmin = admins === '' ? () => false : namePattern(admins, 'admins')
  const isOperator = operators === '' ? () => false : namePattern(operators, 'operators')
  return (name) => (isAdmin(name) ? 'admin' : isOperator(name) ? 'operator' : 'viewer')
}
