export { isSqsOutage, tooLarge } from './errors.js'
export { entityName, isFifo } from './names.js'
export { sqsOptionsOf } from './options.js'
export { SqsClient, type SqsFailure } from './sqs-client.js'
