import { setTimeout as sleep } from 'node:timers/promises'
import { z } from 'zod'
import { keyPairTokens } from './key-pair-jwt.js'
import { type Learner, statementOn, type Warehouse } from './warehouse.js'

/** How Snowflake is reached; the names of its settings in the environment are SNOWFLAKE_…. */
export interface SnowflakeOptions {
  readonly account: string
  readonly warehouse: string
  readonly database: string
  readonly schema: string
  readonly role?: string | undefined
  /** The service user. */
  readonly user: string
  /** Its private key, PEM. */
  readonly privateKey: string
  readonly passphrase?: string | undefined
  /** Default https://ACCOUNT.snowflakecomputing.com. */
  readonly url?: string | undefined
  /** Default LEARNING_TIME. */
  readonly table?: string | undefined
  /** Seconds after which Snowflake itself ends a statement. Default 3. */
  readonly statementTimeoutS?: number
}

const Answer = z.object({
  statementHandle: z.string().optional(),
  code: z.string().optional(),
  message: z.string().optional(),
  data: z.array(z.array(z.string().nullable())).optional(),
})
/** Pauses between looks whether a statement has ended; the last one again and again. */
const LOOKS_MS = [20, 50, 100, 200, 250]
const CANCEL_MS = 2000

/** Snowflake by its SQL API (version 2): statements with bindings, sent to be run, looked after, and cancelled when nobody waits any more. */
export function snowflake(options: SnowflakeOptions): Warehouse {
  const { account, user, privateKey, passphrase, statementTimeoutS = 3, table = 'LEARNING_TIME' } = options
  const base = (options.url ?? `https://${account}.snowflakecomputing.com`).replace(/\/$/, '')
  const token = keyPairTokens(account, user, privateKey, passphrase)
  const statement = statementOn(`${options.database}.${options.schema}.${table}`)

  const call = async (method: string, path: string, body: unknown, signal: AbortSignal) => {
    const response = await fetch(`${base}/api/v2/statements${path}`, {
      method,
      signal,
      redirect: 'manual',
      headers: {
        authorization: `Bearer ${token()}`,
        'x-snowflake-authorization-token-type': 'KEYPAIR_JWT',
        accept: 'application/json',
        'content-type': 'application/json',
        'user-agent': 'lovage-learning-time/1',
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    const text = await response.text()
    const answer =
      Answer.safeParse(response.headers.get('content-type')?.includes('json') ? JSON.parse(text) : {}).data ??
      {}
    if (response.status !== 200 && response.status !== 202)
      throw new Error(`Snowflake answered ${response.status}: ${answer.message ?? text.slice(0, 200)}`)
    return { isDone: response.status === 200, ...answer }
  }

  const run = async (sql: string, values: readonly (string | bigint)[], signal: AbortSignal) => {
    const bindings = Object.fromEntries(
      values.map((value, at) => [
        String(at + 1),
        { type: typeof value === 'bigint' ? 'FIXED' : 'TEXT', value: String(value) },
      ]),
    )
    const { warehouse, database, schema, role } = options
    const body = {
      statement: sql,
      timeout: statementTimeoutS,
      warehouse,
      database,
      schema,
      ...(role ? { role } : {}),
      bindings,
    }
    // Not waited for there: only then is its handle known while it runs, by which it can be cancelled.
    let answer = await call('POST', '?async=true', body, signal)
    const handle = answer.statementHandle
    if (handle === undefined) throw new Error('Snowflake gave no handle for the statement.')
    try {
      for (let look = 0; !answer.isDone; look++) {
        await sleep(LOOKS_MS[Math.min(look, LOOKS_MS.length - 1)], undefined, { signal })
        answer = await call('GET', `/${encodeURIComponent(handle)}`, undefined, signal)
      }
    } catch (error) {
      // Whatever the reason: a statement that nobody waits for costs money.
      await call(
        'POST',
        `/${encodeURIComponent(handle)}/cancel`,
        undefined,
        AbortSignal.timeout(CANCEL_MS),
      ).catch(() => {})
      signal.throwIfAborted()
      throw error
    }
    return answer.data ?? []
  }

  return {
    name: 'snowflake',
    async learningTime({ userId, courseId, enterpriseUuid }: Learner, signal) {
      const [row] = await run(statement, [userId, courseId, enterpriseUuid], signal)
      const total = row?.[0] ?? null
      // A NUMBER may come with digits behind the point, all of them zeros.
      return total === null ? null : BigInt(total.replace(/\.0*$/, ''))
    },
    async check(signal) {
      const [row] = await run('SELECT CURRENT_VERSION()', [], signal)
      return `Snowflake ${row?.[0] ?? ''} answers as ${user}`
    },
    close: async () => {},
  }
}
