import { createCipheriv, createDecipheriv, createHash, hkdfSync, randomBytes } from 'node:crypto'
import { ConfigurationError, MessageError } from '../kernel/index.js'
import { ENCRYPTED_TYPE } from './encrypted-type.js'
import type { Serializer } from './serializer.js'

/** The keys of encrypted messages and the serializers inside them. */
export interface EncryptionOptions {
  /** 32 random bytes each, in base64 or hexadecimal. The first encrypts; all decrypt. */
  readonly keys: readonly string[]
  /** The serializer of the plaintext. */
  readonly inner: Serializer
  /** The serializers accepted inside. */
  readonly readable: readonly Serializer[]
}

/*
 * An encrypted body: version (1 byte), id of the key (4), salt (24), ciphertext, tag (16). Key and nonce of AES-256-GCM are derived for
 * this message alone (HKDF-SHA-256 of the key and the salt), so that no number of messages exhausts a key. Everything before the
 * ciphertext is authenticated with it. The plaintext is the inner content type and encoding, each preceded by its length (1 byte), and
 * the body.
 */
const VERSION = 1
const ID_BYTES = 4
const SALT_BYTES = 24
const HEAD_BYTES = 1 + ID_BYTES + SALT_BYTES
const TAG_BYTES = 16
const KEY_BYTES = 32
const NONCE_BYTES = 12
const PURPOSE = 'lovage body 1'
const CIPHER = 'aes-256-gcm'

/** A key and its id in messages: the beginning of its digest. */
interface Key {
  readonly id: Buffer
  readonly secret: Buffer
}

/**
 * Encrypts the output of `inner`: a reader of the broker, its disk or a backup sees no arguments, and tampered messages are refused.
 *
 * @throws {ConfigurationError} LVG_CONFIG_INVALID for an invalid key. Reading throws a MessageError, LVG_MESSAGE_UNDECRYPTABLE.
 */
export function encryptedSerializer({ keys, inner, readable }: EncryptionOptions): Serializer {
  const ring = keys.map(readKey)
  const [current] = ring
  if (!current) throw invalid('there is no key')
  const head = Buffer.concat([labelled(inner.contentType), labelled(inner.contentEncoding)])
  return {
    name: 'encrypted',
    contentType: ENCRYPTED_TYPE,
    contentEncoding: 'binary',
    encode(value, root, types) {
      const start = Buffer.concat([Buffer.from([VERSION]), current.id, randomBytes(SALT_BYTES)])
      const { key, nonce } = derived(current, start)
      const cipher = createCipheriv(CIPHER, key, nonce).setAAD(start)
      const body = Buffer.from(inner.encode(value, root, types))
      return Buffer.concat([
        start,
        cipher.update(head),
        cipher.update(body),
        cipher.final(),
        cipher.getAuthTag(),
      ])
    },
    decode(given, _encoding, reading, root) {
      const plain = decrypted(Buffer.from(given), ring)
      const [contentType, afterType] = unlabelled(plain, 0)
      const [contentEncoding, at] = unlabelled(plain, afterType)
      const serializer = readable.find((one) => one.contentType === contentType)
      if (!serializer)
        throw new MessageError(`the content type ${JSON.stringify(contentType)} is not accepted inside`, {
          code: 'LVG_MESSAGE_UNACCEPTED',
          details: { contentType },
        })
      return serializer.decode(plain.subarray(at), contentEncoding, reading, root)
    },
  }
}

function decrypted(body: Buffer, ring: readonly Key[]): Buffer {
  if (body.length < HEAD_BYTES + TAG_BYTES) throw undecryptable('it is too short')
  if (body[0] !== VERSION) throw undecryptable(`its version ${body[0]} is not known here`)
  const start = body.subarray(0, HEAD_BYTES)
  const id = start.subarray(1, 1 + ID_BYTES)
  const known = ring.find((key) => key.id.equals(id))
  if (!known) throw undecryptable(`its key (${id.toString('hex')}) is not among encryptionKeys`)
  const { key, nonce } = derived(known, start)
  const decipher = createDecipheriv(CIPHER, key, nonce).setAAD(start)
  decipher.setAuthTag(body.subarray(-TAG_BYTES))
  try {
    return Buffer.concat([decipher.update(body.subarray(HEAD_BYTES, -TAG_BYTES)), decipher.final()])
  } catch (cause) {
    throw undecryptable('it was changed after it was encrypted', cause)
  }
}

function derived({ secret }: Key, start: Buffer): { readonly key: Buffer; readonly nonce: Buffer } {
  const salt = start.subarray(1 + ID_BYTES)
  const bytes = Buffer.from(hkdfSync('sha256', secret, salt, PURPOSE, KEY_BYTES + NONCE_BYTES))
  return { key: bytes.subarray(0, KEY_BYTES), nonce: bytes.subarray(KEY_BYTES) }
}

/** An invalid key is not shown: it may be a mistyped real one. */
function readKey(text: string): Key {
  const trimmed = text.trim()
  const isHex = /^[0-9a-f]{64}$/i.test(trimmed)
  const secret = Buffer.from(trimmed, isHex ? 'hex' : 'base64')
  if (secret.length !== KEY_BYTES) throw invalid(`a key has ${secret.length} bytes instead of ${KEY_BYTES}`)
  return { secret, id: createHash('sha256').update(secret).digest().subarray(0, ID_BYTES) }
}

const labelled = (text: string): Buffer => Buffer.concat([Buffer.from([text.length]), Buffer.from(text)])

function unlabelled(bytes: Buffer, at: number): readonly [text: string, end: number] {
  const end = at + 1 + (bytes[at] ?? 0)
  return [bytes.subarray(at + 1, end).toString(), end]
}

const invalid = (problem: string): ConfigurationError =>
  new ConfigurationError(`Encryption: ${problem}`, {
    code: 'LVG_CONFIG_INVALID',
    hint: 'Make a key with `openssl rand -base64 32`, and give it to every process in encryptionKeys.',
  })

const undecryptable = (problem: string, cause?: unknown): MessageError =>
  new MessageError(`The message cannot be decrypted: ${problem}`, {
    code: 'LVG_MESSAGE_UNDECRYPTABLE',
    cause,
  })
