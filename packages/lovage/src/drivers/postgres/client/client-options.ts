import type { ConnectionOptions } from 'node:tls'
import pg from 'pg'
import type { PostgresTarget } from './options.js'

const { types } = pg

const INTEGERS: ReadonlySet<number> = new Set([20, 21, 23, 26])
/** float4, float8, bool, bytea, and the lists of text, bigint, integer. */
const BY_LIBRARY: ReadonlySet<number> = new Set([700, 701, 16, 17, 1009, 1015, 1016, 1007])

/** Times, decimals and JSON stay PostgreSQL's text: their readers know the types. */
const textParser = (text: string): string => text

const parserOf = (oid: number, format?: 'text' | 'binary'): ((value: string) => unknown) =>
  INTEGERS.has(oid) ? Number : BY_LIBRARY.has(oid) ? types.getTypeParser(oid, format) : textParser

/** Translates our options for the client library. */
export function clientOptions(target: PostgresTarget, name: string): pg.ClientConfig {
  const { tls } = target
  return {
    host: target.host,
    port: target.port,
    user: target.user,
    database: target.database,
    ...(target.password === undefined ? {} : { password: target.password }),
    ...(target.sessionOptions === undefined ? {} : { options: target.sessionOptions }),
    ssl: tls === undefined ? false : tlsOptions(target),
    application_name: name,
    connectionTimeoutMillis: target.connectTimeoutMs,
    query_timeout: target.silenceTimeoutMs,
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
    // The declared overloads do not allow a parser chosen here.
    types: { getTypeParser: parserOf } as pg.CustomTypesConfig,
  }
}

function tlsOptions({ tls = {} }: PostgresTarget): ConnectionOptions {
  return {
    ...(tls.ca === undefined ? {} : { ca: tls.ca }),
    ...(tls.cert === undefined ? {} : { cert: tls.cert }),
    ...(tls.key === undefined ? {} : { key: tls.key }),
    rejectUnauthorized: tls.verify ?? true,
    ...(tls.verifyHost === false ? { checkServerIdentity: () => undefined } : {}),
  }
}
