export { applyEagerly, sendEagerly } from './eager.js'
export { backoffSeconds, type RetryDice } from './retry.js'
export { failure, run } from './run.js'
