import { constants, createPrivateKey, sign, verify, X509Certificate } from 'node:crypto'
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { ConfigurationError, MessageError } from '../kernel/index.js'
import type { Serializer } from './serializer.js'

/** The signing identity and the trusted certificates, under Celery's settings. Each is a path, or the PEM text itself. */
export interface SecurityOptions {
  /** This process's RSA private key. */
  readonly key: string
  readonly keyPassword?: string
  /** The certificate of that key. */
  readonly certificate: string
  /** A folder, or a glob (`/etc/ssl/lovage/*.pem`): the trusted signers' certificates. */
  readonly certStore: string
  /** Signature digest. Default SHA256. */
  readonly digest?: string
  /** Whether to write Celery 5.2's format; 5.2 cannot read that of later versions. Both are read. Default false. */
  readonly legacyFormat?: boolean
}

const SEPARATOR = Buffer.from([0, 1])

/**
 * Celery's `auth` serializer: the output of `inner`, signed (RSA-PSS) with this process's key. Messages read must carry a signature whose
 * certificate is in the store and has not expired.
 *
 * @throws {ConfigurationError} LVG_CONFIG_INVALID for an unreadable file, a key that does not match the certificate, or an expired
 * certificate. Reading throws a MessageError, LVG_MESSAGE_FORGED.
 */
export function authSerializer(options: SecurityOptions, inner: Serializer, now: () => number): Serializer {
  const digest = options.digest ?? 'SHA256'
  const certificate = readCertificate(options.certificate)
  const key = usable('the private key', () =>
    createPrivateKey({
      key: readPem(options.key),
      ...(options.keyPassword === undefined ? {} : { passphrase: options.keyPassword }),
    }),
  )
  if (!certificate.checkPrivateKey(key)) throw invalid('the private key is not that of the certificate')
  const known = new Map(readStore(options.certStore, now()).map((one) => [signerOf(one), one]))
  const signer = signerOf(certificate)
  return {
    name: 'auth',
    contentType: 'application/data',
    contentEncoding: 'utf-8',
    encode(value, root, types) {
      const body = Buffer.from(inner.encode(value, root, types))
      const padding = constants.RSA_PKCS1_PSS_PADDING
      const signature = sign(digest, body, { key, padding, saltLength: constants.RSA_PSS_SALTLEN_MAX_SIGN })
      const head = options.legacyFormat
        ? [Buffer.from(signer), signature]
        : [Buffer.from(base64(Buffer.from(signer))), Buffer.from(base64(signature))]
      const parts = [...head, Buffer.from(inner.contentType), Buffer.from(inner.contentEncoding)]
      return Buffer.concat([...parts.flatMap((part) => [part, SEPARATOR]), body]).toString('base64')
    },
    decode(body, _encoding, reading, root) {
      const { from, signature, contentType, contentEncoding, signed } = unpack(
        Buffer.from(body.toString(), 'base64'),
        known,
      )
      if (Date.parse(from.validTo) < now()) throw forged(`the certificate of ${signerOf(from)} has expired`)
      const padding = constants.RSA_PKCS1_PSS_PADDING
      const proof = { key: from.publicKey, padding, saltLength: constants.RSA_PSS_SALTLEN_AUTO }
      if (!verify(digest, signed, proof, signature))
        throw forged(`the signature of ${signerOf(from)} does not match this message`)
      // Only the body is signed: the declared content type is trusted only if it is the one we would write.
      if (contentType !== inner.contentType)
        throw forged(`the content type ${contentType.slice(0, 100)} is not accepted inside`)
      return inner.decode(signed, contentEncoding, reading, root)
    },
  }
}

/** The contents of a signed body and its claimed signer. */
interface Packed {
  readonly from: X509Certificate
  readonly signature: Buffer
  readonly contentType: string
  readonly contentEncoding: string
  readonly signed: Buffer
}

/** Celery 5.2 stores name and signature raw, with the signature as long as the key; later versions use base64. */
function unpack(packed: Buffer, known: ReadonlyMap<string, X509Certificate>): Packed {
  let at = 0
  const next = (length?: number): Buffer => {
    const end = length === undefined ? packed.indexOf(SEPARATOR, at) : at + length
    if (end < 0 || !packed.subarray(end, end + SEPARATOR.length).equals(SEPARATOR))
      throw forged('it has no signature')
    const part = packed.subarray(at, end)
    at = end + SEPARATOR.length
    return part
  }
  const name = next()
  const legacy = known.get(name.toString())
  const decoded = Buffer.from(name.toString(), 'base64')
  const from = legacy ?? known.get(decoded.toString())
  if (!from) throw forged(`unknown signer: ${readable(name, decoded)}`)
  const bytes = (from.publicKey.asymmetricKeyDetails?.modulusLength ?? 0) >> 3
  const signature = legacy ? next(bytes) : Buffer.from(next().toString(), 'base64')
  const [contentType, contentEncoding] = [next().toString(), next().toString()]
  return { from, signature, contentType, contentEncoding, signed: packed.subarray(at) }
}

/** The one of the two that is text. */
const readable = (plain: Buffer, decoded: Buffer): string =>
  (/ /.test(plain.toString()) ? plain : decoded).toString().slice(0, 200)

/** The signer's name as Python's `cryptography` builds it: the values of the issuer's name, and the serial number. */
function signerOf({ issuer, serialNumber }: X509Certificate): string {
  const values = issuer.split('\n').map((line) => line.slice(line.indexOf('=') + 1))
  return `${values.join(' ')} ${BigInt(`0x${serialNumber}`)}`
}

function readStore(path: string, nowMs: number): readonly X509Certificate[] {
  if (path.includes('-----BEGIN')) return [readCertificate(path)]
  const isFolder = statSync(path, { throwIfNoEntry: false })?.isDirectory() === true
  const [folder, pattern] = isFolder ? [path, '*'] : [dirname(path), basename(path)]
  const matches = new RegExp(
    `^${pattern
      .replace(/[.+^${}()|[\]\\]/g, '\\$&')
      .replaceAll('*', '.*')
      .replaceAll('?', '.')}$`,
  )
  const names = usable(`the certificate store ${path}`, () => readdirSync(folder)).filter((name) =>
    matches.test(name),
  )
  if (names.length === 0) throw invalid(`the certificate store ${path} is empty`)
  return names.map((name) => {
    const certificate = readCertificate(join(folder, name))
    if (Date.parse(certificate.validTo) < nowMs) throw invalid(`the certificate ${name} has expired`)
    return certificate
  })
}

const readCertificate = (textOrPath: string): X509Certificate =>
  usable('a certificate', () => new X509Certificate(readPem(textOrPath)))

const readPem = (textOrPath: string): string =>
  textOrPath.includes('-----BEGIN') ? textOrPath : readFileSync(textOrPath, 'utf8')

function usable<T>(what: string, read: () => T): T {
  try {
    return read()
  } catch (cause) {
    throw invalid(`${what} cannot be used: ${cause instanceof Error ? cause.message : String(cause)}`, cause)
  }
}

const base64 = (bytes: Buffer): string => bytes.toString('base64')

const invalid = (problem: string, cause?: unknown): ConfigurationError =>
  new ConfigurationError(`Signing: ${problem}`, { code: 'LVG_CONFIG_INVALID', cause })

const forged = (problem: string): MessageError =>
  new MessageError(`The message cannot be trusted: ${problem}`, { code: 'LVG_MESSAGE_FORGED' })
