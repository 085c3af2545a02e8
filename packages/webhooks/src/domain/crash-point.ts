/** The places at which a test may kill the process, in the order in which an event passes them. */
export type WebhookCrashPoint =
  | 'webhook:after-insert'
  | 'webhook:after-publish'
  | 'webhook:after-claim'
  | 'webhook:after-post'
  | 'webhook:after-record'
  | 'webhook:after-release'

/** The engine's hook, which `lovage/testing` and LOVAGE_CRASH_POINT hang things on. */
const HOOK = Symbol.for('lovage.crash-point')

/** Announces that an event has come to a place; does nothing unless a test wants to know. */
export function crashPoint(name: WebhookCrashPoint): void {
  ;(globalThis as { [HOOK]?: (name: string) => void })[HOOK]?.(name)
}
