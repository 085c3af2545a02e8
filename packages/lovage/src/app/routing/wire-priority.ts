import type { BrokerCapabilities } from '../../broker/index.js'

/** The number that signatures on this broker's wire have for a public priority (0–9, higher first). */
export const priorityToWire =
  ({ priorityOnWire }: BrokerCapabilities) =>
  (priority: number): number =>
    priorityOnWire === 'rising' ? clamped(priority) : 9 - clamped(priority)

/** The public priority that a signature's number stands for. */
export const priorityFromWire = (capabilities: BrokerCapabilities): ((wire: number) => number) =>
  // Either way of counting is its own inverse.
  priorityToWire(capabilities)

const clamped = (priority: number): number => Math.min(Math.max(Math.trunc(priority), 0), 9)
