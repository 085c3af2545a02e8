export { readSql } from '../kernel/index.js'
export {
  type Connection,
  defineProgram,
  type Host,
  type Migration,
  type Program,
  type ProgramHandlers,
  type SqlValue,
  type Statement,
} from './program.js'

export { openSqliteFile, type Procedures, type SqliteFile } from './sqlite-file.js'
export type { SqliteUrl } from './sqlite-url.js'
export { toBytes } from './values.js'
