import type { RequestInfo } from '../app/operating/index.js'
import { hideArguments } from '../app/tasks/index.js'
import { reprArgs, reprKwargs } from '../message/index.js'
import type { Claim } from '../worker/index.js'

/** A task that a worker holds, as Celery's tools read it. With `safe`, arguments are texts, as logs show them. */
export function requestInfo(claim: Claim, isSafe: boolean): RequestInfo {
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
    delivery_info: { exchange, routing_key: routingKey, priority, redelivered },
    worker_pid: hasBegun ? process.pid : null,
  }
}
