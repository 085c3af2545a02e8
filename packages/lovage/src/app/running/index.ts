export { applyEagerly, sendEagerly } from './eager.js'
export {} from './retry.js'
export { failure, run } from './run.js'
