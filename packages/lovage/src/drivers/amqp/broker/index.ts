export { openAmqpBroker } from './amqp-broker.js'
