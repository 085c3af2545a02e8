import type { Driver } from '../shared/index.js'

/** Amazon SQS. It stores only messages: everything else, and what waits for more than 15 minutes, is in the broker at `coordinationUrl`. */
export const sqs: Driver = {
  broker: async () => (await import('./broker/index.js')).openSqsBroker,
  reach: 'network',
  resultUrl: 'disabled://',
}
