export { isLovage } from './is-lovage.js'
export { Lovage } from './lovage.js'
