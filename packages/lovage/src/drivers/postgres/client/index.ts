export { Batches } from './batches.js'
export { type OpenPostgresOptions, openPostgres, type PostgresDatabase } from './database.js'
export { isConnectionLoss, sqlStateOf, wasSent } from './errors.js'

export type { Migrations } from './migrate.js'
export { type PostgresOptions, parsePostgresUrl } from './options.js'
export { offerResultWriter, type PostgresResultWriter, resultWriterOf } from './result-writer.js'
export type { PostgresValue, Session } from './session.js'
export { postgresOptionsOf } from './settings.js'
