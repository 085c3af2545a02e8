export type { AppOptions } from './app-options.js'
export { isLovage } from './is-lovage.js'
export { Lovage } from './lovage.js'
