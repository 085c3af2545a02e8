import type { Driver } from '../shared/index.js'

/** RabbitMQ. It keeps messages only: results are answered to the caller, and the rest needs another store. */
export const amqp: Driver = {
  broker: async () => (await import('./broker/index.js')).openAmqpBroker,
  reach: 'network',
  resultUrl: 'rpc://',
  protocol: 'amqp',
}

/** Results that are answered to the caller over the broker instead of being stored. */
export const rpc: Driver = {
  results: async () => (await import('./results/index.js')).openRpcResultBackend,
  reach: 'network',
}
