/** The points at which a test may kill the process, in the order in which an event passes them. */
export type WebhookCrashPoint =
  | 'webhook:after-insert'
  | 'webhook:after-publish'
  | 'webhook:after-claim'
  | 'webhook:after-post'
  | 'webhook:after-record'
  | 'webhook:after-release'
  /** In the HTTP service: a request with an Idempotency-Key has done its work, and its answer is not kept yet. */
  | 'webhook:after-work'

/** The engine's hook, set by `lovage/testing` and LOVAGE_CRASH_POINT. */
const HOOK = Symbol.for('lovage.crash-point')

/** Announces that an event has reached a point; does nothing unless a test installed a hook. */
export function crashPoint(name: WebhookCrashPoint): void {
  ;(globalThis as { [HOOK]?: (name: string) => void })[HOOK]?.(name)
}
