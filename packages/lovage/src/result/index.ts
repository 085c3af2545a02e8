export { openResultBackend } from './open-result-backend.js'
export * from './result-backend.js'
export type { ResultRow } from './sqlite/program.js'
export { toRow as resultRow } from './sqlite/result-row.js'
