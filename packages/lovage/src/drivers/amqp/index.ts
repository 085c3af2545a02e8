import type { Driver } from '../shared/index.js'

/** RabbitMQ. It stores only messages: results are sent to the caller, and everything else needs another store. */
export const amqp: Driver = {
  broker: async () => (await import('./broker/index.js')).openAmqpBroker,
  reach: 'network',
  resultUrl: 'rpc://',
  protocol: 'amqp',
}

/** Results that are sent to the caller over the broker instead of being stored. */
export const rpc: Driver = {
  results: async () => (await import('./results/index.js')).openRpcResultBackend,
  reach: 'network',
  answersCallers: true,
}
