/** Roles: view; act on tasks, queues and schedules; change workers and remove things for good. Each includes the previous one. */
export type Role = 'viewer' | 'operator' | 'admin'

/** A user of the dashboard. */
export interface Person {
  /** The name in the audit log: a user name, an e-mail address. */
  readonly name: string
  readonly role: Role
  /** Whether the user has signed in here, and can sign out. */
  readonly hasSession?: boolean
}

const RANK: Readonly<Record<Role, number>> = { viewer: 0, operator: 1, admin: 2 }

/**
 * Whether a role includes another.
 *
 * @example
 * import { mayAs } from '@lovage/dashboard'
 * mayAs('operator', 'viewer') // true: who may do more may do less
 */
export const mayAs = (role: Role, needed: Role): boolean => RANK[role] >= RANK[needed]
