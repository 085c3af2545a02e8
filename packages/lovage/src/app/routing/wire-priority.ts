import type { BrokerCapabilities } from '../../broker/index.js'

/** The number that signatures carry on this broker's wire for a public priority (0–9, higher first). */
export const priorityToWire =
  ({ priorityOnWire }: BrokerCapabilities) =>
  (priority: number): number =>
    priorityOnWire === 'rising' ? clamped(priority) : 9 - clamped(priority)

/** The public priority that a signature's number represents. */
export const priorityFromWire = (capabilities: BrokerCapabilities): ((wire: number) => number) =>
  // Either mapping is its own inverse.
  priorityToWire(capabilities)

const clamped = (priority: number): number => Math.min(Math.max(Math.trunc(priority), 0), 9)
