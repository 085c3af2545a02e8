import { createPublicKey, generateKeyPairSync, randomUUID, verify } from 'node:crypto'
import { bodyOf, type Loopback, listen } from 'lovage-systems-kit'
import { fingerprintOf } from '../warehouse/key-pair-jwt.js'

/** A stand-in for Snowflake. */
export interface SnowflakeServer extends Loopback {
  /** The service user's private key, PEM. */
  readonly privateKey: string
  /** Seconds by user, course and enterprise, as digits. */
  readonly times: Map<string, string>
  /** How long a statement runs. */
  slowMs: number
  statements: number
  cancelled: number
  isDown: boolean
}

/** Starts a server on loopback that speaks Snowflake's SQL API for the one statement, and lets nobody in without a valid token. */
export async function startSnowflake(account: string, user: string): Promise<SnowflakeServer> {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const issuer = `${account.toUpperCase()}.${user.toUpperCase()}.${fingerprintOf(createPublicKey(privateKey))}`
  const state = { times: new Map<string, string>(), slowMs: 5, statements: 0, cancelled: 0, isDown: false }
  const running = new Map<
    string,
    { readonly value: string | null; readonly doneMs: number; isCancelled: boolean }
  >()

  const isLetIn = (header: string | undefined): boolean => {
    const [head = '', claims = '', signature = ''] = (header ?? '').replace(/^Bearer /, '').split('.')
    if (!verify('sha256', Buffer.from(`${head}.${claims}`), publicKey, Buffer.from(signature, 'base64url')))
      return false
    // Signed by the one client there is.
    const { iss, exp } = JSON.parse(Buffer.from(claims, 'base64url').toString()) as {
      iss: string
      exp: number
    }
    return iss === issuer && exp * 1000 > Date.now()
  }
  const server = await listen(async (request, response) => {
    const answer = (status: number, body: object): void =>
      void response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
    const text = await bodyOf(request)
    if (state.isDown) return answer(503, { code: '390000', message: 'Service unavailable.' })
    if (
      request.headers['x-snowflake-authorization-token-type'] !== 'KEYPAIR_JWT' ||
      !isLetIn(request.headers.authorization)
    )
      return answer(401, { code: '390144', message: 'JWT token is invalid.' })
    const [, handle, action] = /^\/api\/v2\/statements\/([\w-]+)(\/cancel)?/.exec(request.url ?? '') ?? []
    if (handle === undefined) {
      state.statements++
      const id = randomUUID()
      // What the client sends; a statement that it does not know is refused.
      const { statement, bindings = {} } = JSON.parse(text) as {
        statement: string
        bindings?: Record<string, { value: string }>
      }
      if (!/^SELECT (SUM\(LEARNING_TIME_SECONDS\)|CURRENT_VERSION)/.test(statement))
        return answer(422, { code: '000904', message: 'SQL compilation error' })
      const key = [1, 2, 3].map((at) => bindings[at]?.value).join('|')
      const value = statement.includes('CURRENT_VERSION') ? '9.31.0' : (state.times.get(key) ?? null)
      running.set(id, { value, doneMs: Date.now() + state.slowMs, isCancelled: false })
      return answer(202, { code: '333334', statementHandle: id })
    }
    const statement = running.get(handle)
    if (!statement) return answer(404, { code: '000709', message: 'Statement does not exist.' })
    if (action) {
      statement.isCancelled = true
      state.cancelled++
      return answer(200, { code: '000604', message: 'Statement executed successfully.' })
    }
    if (statement.isCancelled) return answer(422, { code: '000604', message: 'SQL execution canceled' })
    return Date.now() < statement.doneMs
      ? answer(202, { code: '333334', statementHandle: handle })
      : answer(200, { code: '090001', statementHandle: handle, data: [[statement.value]] })
  })
  return Object.assign(state, {
    url: server.url,
    close: server.close,
    privateKey: String(privateKey.export({ type: 'pkcs8', format: 'pem' })),
  })
}
