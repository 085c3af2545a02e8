export { applyEagerly, sendEagerly } from './eager.js'
export { failure, run } from './run.js'
