export { openSqsBroker } from './sqs-broker.js'
