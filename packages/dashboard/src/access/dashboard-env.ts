import type { Person } from './person.js'

/** The variables passed between request handlers. */
export interface DashboardEnv {
  Variables: {
    /** The user; set before any page or API handler runs. */
    person: Person
    /** The `nonce` of the few styles and scripts, and of the Content-Security-Policy. */
    nonce: string
  }
}
