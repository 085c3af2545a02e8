import type { Lovage } from 'lovage'
import type { WebhooksPort } from '../webhooks/webhooks-port.js'

/** A fleet that the dashboard watches: a broker with its results. */
export interface FleetOptions {
  /** Letters, digits, `-`, `_` and `.`; used in URLs. */
  readonly name: string
  /** The app connected to it. Its tasks can be applied by name; without any, tasks are sent as by `sendTask`. */
  readonly app: Lovage
  /** Its webhooks, to be shown and replayed: `webhooks(app)` of `@lovage/webhooks`. */
  readonly webhooks?: WebhooksPort
}
