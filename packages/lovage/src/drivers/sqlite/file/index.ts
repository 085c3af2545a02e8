export { readSql } from '../../../process/index.js'
export { type Connection, defineProgram, type Host, type SqlValue, type Statement } from './program.js'
export { openSqliteFile, type SqliteFile } from './sqlite-file.js'
export { isStoreOutage } from './store-errors.js'

export { toBytes } from './values.js'
