import type { RequestInfo } from '../app/operating/index.js'
import { priorityToWire } from '../app/routing/index.js'
import { hideArguments } from '../app/tasks/index.js'
import type { Broker } from '../broker/index.js'
import { reprArgs, reprKwargs } from '../message/index.js'
import type { Claim } from '../worker/index.js'

/** A task held by a worker, in the form that Celery's tools read. With `safe`, arguments are texts, as logs show them. */
export function requestInfo(claim: Claim, broker: Broker, isSafe: boolean): RequestInfo {
  const { context, task } = claim.job
  const { exchange, routingKey, priority, redelivered } = context.deliveryInfo
  const { args, kwargs } = hideArguments({ redact: context.redact, params: task.definition.params }, context)
  const hasBegun = claim.startedMs !== undefined
  return {
    id: context.id,
    name: context.shadow ?? context.name,
    args: isSafe ? reprArgs(args) : args,
    kwargs: isSafe ? reprKwargs(kwargs) : kwargs,
    type: context.name,
    hostname: context.hostname,
    time_start: claim.startedMs === undefined ? null : claim.startedMs / 1000,
    acknowledged: hasBegun && task.options.acksLate === false,
    delivery_info: {
      exchange,
      routing_key: routingKey,
      // The number on the wire, as Python's workers report it; if absent, it is 0 there.
      priority: priority === null ? 0 : priorityToWire(broker.capabilities)(priority),
      redelivered,
    },
    redeliveries: claim.delivery.redeliveries,
    // Known once its child has started it; until then it is the worker's own.
    worker_pid: hasBegun ? (claim.pid ?? process.pid) : null,
  }
}
