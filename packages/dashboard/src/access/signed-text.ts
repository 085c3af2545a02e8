import { createHmac, hkdfSync, randomBytes, timingSafeEqual } from 'node:crypto'

/** Signs small values for cookies, and reads them back. A value is bound to its purpose, and to its time. */
export class SignedText {
  readonly #key: Buffer

  /** @param secret Shared by dashboards behind one address; when empty, a random one: a restart then ends what was signed. */
  constructor(secret: string) {
    const source = secret === '' ? randomBytes(32) : Buffer.from(secret)
    this.#key = Buffer.from(hkdfSync('sha256', source, '', 'lovage dashboard cookies', 32))
  }

  /** Signs a JSON value. */
  sign(purpose: string, value: unknown, expiresMs: number): string {
    const body = Buffer.from(JSON.stringify([expiresMs, value])).toString('base64url')
    return `${body}.${this.#mac(purpose, body).toString('base64url')}`
  }

  /** Returns a value that was signed for this purpose and has not expired; else undefined. */
  read(purpose: string, text: string, nowMs: number): unknown {
    const [body = '', mac = '', ...rest] = text.split('.')
    const given = Buffer.from(mac, 'base64url')
    const right = this.#mac(purpose, body)
    if (rest.length > 0 || given.length !== right.length || !timingSafeEqual(given, right)) return undefined
    // Only what was signed here is parsed.
    const [expiresMs, value] = JSON.parse(Buffer.from(body, 'base64url').toString('utf8')) as [
      number,
      unknown,
    ]
    return nowMs < expiresMs ? value : undefined
  }

  #mac(purpose: string, body: string): Buffer {
    return createHmac('sha256', this.#key).update(`${purpose}\n${body}`).digest()
  }
}
