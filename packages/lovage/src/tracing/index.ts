export { tracing } from './tracing.js'
