import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import { WebhookError } from '../domain/index.js'

/** A key of the ring: a name, stored next to the ciphertext, and 32 bytes. */
export interface RingKey {
  readonly id: string
  readonly bytes: Uint8Array
}

const VERSION = 1
const IV_BYTES = 12
const TAG_BYTES = 16

/**
 * Encrypts secrets in the database with AES-256-GCM. The first key of the ring encrypts; each key decrypts data that names it, so that
 * keys can be rotated without downtime.
 */
export class Vault {
  readonly #ring: readonly RingKey[]

  /** @throws {WebhookError} LVG_WEBHOOK_SETUP for an empty ring, two keys with one name, or a key that is not 32 bytes long. */
  constructor(ring: readonly RingKey[]) {
    if (ring.length === 0) throw setup('the ring is empty')
    for (const { id, bytes } of ring) {
      if (!/^[\w.-]{1,64}$/.test(id))
        throw setup(`the name ${JSON.stringify(id)} may have only letters, digits, . _ and -`)
      if (bytes.length !== 32) throw setup(`key ${id} has ${bytes.length} bytes instead of 32`)
    }
    if (new Set(ring.map(({ id }) => id)).size < ring.length) throw setup('two keys have one name')
    this.#ring = ring
  }

  /** Whether it was encrypted with a key other than the first. */
  isOld(sealed: Uint8Array): boolean {
    return keyIdOf(sealed) !== this.#ring[0]?.id
  }

  /** Encrypts a text; `context` (the id of what it belongs to) is bound to it, so that it cannot be moved to another row. */
  seal(text: string, context: string): Uint8Array {
    // The constructor ensures that there is one.
    const key = this.#ring[0] as RingKey
    const iv = randomBytes(IV_BYTES)
    const cipher = createCipheriv('aes-256-gcm', key.bytes, iv).setAAD(Buffer.from(context))
    const id = Buffer.from(key.id)
    const secret = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()])
    return Buffer.concat([Buffer.from([VERSION, id.length]), id, iv, cipher.getAuthTag(), secret])
  }

  /** @throws {WebhookError} LVG_WEBHOOK_KEY_MISSING when its key is not in the ring, or the data was tampered with or belongs elsewhere. */
  open(sealed: Uint8Array, context: string): string {
    const id = keyIdOf(sealed)
    const key = this.#ring.find((each) => each.id === id)
    if (!key)
      throw new WebhookError(
        `Data encrypted for ${context} needs the key ${JSON.stringify(id)}, which is not in the ring.`,
        {
          code: 'LVG_WEBHOOK_KEY_MISSING',
          field: 'encryptionKeys',
          details: { context, key: id },
        },
      )
    const at = 2 + Buffer.byteLength(key.id)
    const [iv, tag] = [
      sealed.subarray(at, at + IV_BYTES),
      sealed.subarray(at + IV_BYTES, at + IV_BYTES + TAG_BYTES),
    ]
    try {
      const cipher = createDecipheriv('aes-256-gcm', key.bytes, iv)
        .setAAD(Buffer.from(context))
        .setAuthTag(tag)
      const text = cipher.update(sealed.subarray(at + IV_BYTES + TAG_BYTES))
      return Buffer.concat([text, cipher.final()]).toString('utf8')
    } catch (cause) {
      throw new WebhookError(
        `Data encrypted for ${context} was changed, or key ${id} is not the one that encrypted it.`,
        {
          code: 'LVG_WEBHOOK_KEY_MISSING',
          field: 'encryptionKeys',
          details: { context, key: id },
          cause,
        },
      )
    }
  }
}

function keyIdOf(sealed: Uint8Array): string {
  const length = sealed[0] === VERSION ? (sealed[1] ?? 0) : 0
  return Buffer.from(sealed.subarray(2, 2 + length)).toString('utf8')
}

/**
 * Reads a ring from text: `id:base64,id:base64`, as in the environment (LOVAGE_WEBHOOKS_KEYS).
 * @throws {WebhookError} LVG_WEBHOOK_SETUP.
 */
export function readRing(text: string): readonly RingKey[] {
  return text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '')
    .map((part) => {
      const [, id, base64] = /^([^:]+):(.+)$/.exec(part) ?? []
      if (id === undefined || base64 === undefined) throw setup('a key is written as name:base64')
      return { id, bytes: Buffer.from(base64, 'base64') }
    })
}

/**
 * A new key in the ring's text form.
 *
 * @example
 * import { newRingKey } from '@lovage/webhooks'
 * console.log(newRingKey('2030-01')) // for WEBHOOKS_KEYS; keep it secret
 */
export const newRingKey = (id: string): string => `${id}:${randomBytes(32).toString('base64')}`

const setup = (why: string): WebhookError =>
  new WebhookError(`The keys that encrypt secrets cannot be used: ${why}.`, {
    code: 'LVG_WEBHOOK_SETUP',
    field: 'encryptionKeys',
    hint: 'Give a list of keys as name:base64 of 32 bytes, the newest first: `openssl rand -base64 32` generates one.',
  })
