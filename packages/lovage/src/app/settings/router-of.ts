import type { Queue } from '../../broker/index.js'
import { Router } from '../routing/index.js'
import type { Settings } from './table.js'

/** The router that settings describe. */
export function routerOf(conf: Settings): Router {
  const defaultQueue: Queue = {
    name: conf.taskDefaultQueue,
    ...(conf.taskDefaultExchange ? { exchange: conf.taskDefaultExchange } : {}),
    ...(conf.taskDefaultRoutingKey ? { routingKey: conf.taskDefaultRoutingKey } : {}),
    exchangeType: conf.taskDefaultExchangeType,
  }
  return new Router({
    routes: conf.taskRoutes,
    queues: conf.taskQueues,
    defaultQueue,
    defaultPriority: conf.taskDefaultPriority,
    createMissing: conf.taskCreateMissingQueues,
  })
}
