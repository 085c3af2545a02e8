export { withOutbox } from './with-outbox.js'
