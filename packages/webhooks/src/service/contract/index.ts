export { openApiDocument } from './document.js'
export { OPERATIONS, SCOPES, type Scope } from './operations.js'
