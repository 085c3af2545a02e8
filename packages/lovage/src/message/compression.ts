import * as zlib from 'node:zlib'
import { ConfigurationError, type Kind, MessageError, oneOf } from '../kernel/index.js'
import { undecodable } from './json-reader.js'

/** A body compression algorithm. */
interface Codec {
  readonly contentType: string
  readonly names: readonly string[]
  compress?(bytes: Buffer | string): Buffer
  decompress?(bytes: Buffer, maxOutputLength: number): Buffer
  /** The reason it cannot be used here, if it cannot. */
  readonly missing?: string
}

/** Node has zstandard since 22.15; Node 20's types lack it. */
const zstd = zlib as {
  readonly zstdCompressSync?: (bytes: Buffer | string) => Buffer
  readonly zstdDecompressSync?: (bytes: Buffer, options: { maxOutputLength: number }) => Buffer
}

const CODECS: readonly Codec[] = [
  {
    // Celery's gzip is a zlib stream; a real gzip file is accepted too, though no Python worker accepts one.
    contentType: 'application/x-gzip',
    names: ['gzip', 'zlib', 'application/gzip', 'application/zlib'],
    compress: (bytes) => zlib.deflateSync(bytes),
    decompress: (bytes, maxOutputLength) =>
      bytes[0] === 0x1f && bytes[1] === 0x8b
        ? zlib.gunzipSync(bytes, { maxOutputLength })
        : zlib.inflateSync(bytes, { maxOutputLength }),
  },
  {
    contentType: 'application/x-brotli',
    names: ['brotli', 'br'],
    // 5 of 11: the highest level takes a hundred times as long to save a few per cent.
    compress: (bytes) =>
      zlib.brotliCompressSync(bytes, { params: { [zlib.constants.BROTLI_PARAM_QUALITY]: 5 } }),
    decompress: (bytes, maxOutputLength) => zlib.brotliDecompressSync(bytes, { maxOutputLength }),
  },
  {
    contentType: 'application/zstd',
    names: ['zstd', 'zstandard'],
    ...(zstd.zstdCompressSync && zstd.zstdDecompressSync
      ? {
          compress: zstd.zstdCompressSync,
          decompress: (bytes: Buffer, maxOutputLength: number) =>
            zstd.zstdDecompressSync?.(bytes, { maxOutputLength }) ?? bytes,
        }
      : { missing: 'zstandard needs Node 22.15 or newer' }),
  },
  { contentType: 'application/x-bz2', names: ['bzip2', 'bzip'], missing: 'Node has no bzip2' },
  { contentType: 'application/x-lzma', names: ['lzma', 'xz'], missing: 'Node has no LZMA' },
]

const BY_NAME = new Map(
  CODECS.flatMap((codec) => [codec.contentType, ...codec.names].map((name) => [name, codec])),
)

const USABLE = [...BY_NAME].flatMap(([name, { compress }]) => (compress ? [name] : []))

/** The name, or content type, of a compression that this Node can write. */
export const COMPRESSION: Kind<string> = {
  ...oneOf(...USABLE),
  expects: `one of ${USABLE.filter((name) => !name.includes('/')).join(', ')}`,
}

/** A compressed body and its `compression` header. */
export interface Compressed {
  readonly body: Buffer
  readonly contentType: string
}

/**
 * Compresses a body by Celery's name (`gzip`, `zlib`, `brotli`, `zstd`, …) or content type. Throws a ConfigurationError for a name that
 * is unknown or unavailable in this Node.
 */
export function compress(body: Buffer | string, name: string): Compressed {
  const codec = BY_NAME.get(name)
  if (codec?.compress === undefined) {
    throw new ConfigurationError(`the compression ${name} cannot be used: ${codec?.missing ?? 'not known'}`, {
      code: 'LVG_CONFIG_INVALID',
      hint: `Use ${COMPRESSION.expects}.`,
    })
  }
  return { body: codec.compress(body), contentType: codec.contentType }
}

/**
 * Decompresses a body according to its `compression` header. Throws a MessageError when the algorithm is unknown or unavailable, the data
 * is damaged, or the output would exceed `maxBytes`.
 */
export function decompress(body: Buffer, name: string, maxBytes: number): Buffer {
  const codec = BY_NAME.get(name)
  if (codec?.decompress === undefined) {
    throw undecodable(
      `the compression ${JSON.stringify(name.slice(0, 64))} cannot be read: ${codec?.missing ?? 'not known'}`,
    )
  }
  try {
    return codec.decompress(body, maxBytes)
  } catch (error) {
    if (error instanceof RangeError && 'code' in error && error.code === 'ERR_BUFFER_TOO_LARGE') {
      throw tooLarge(`the body decompresses to more than ${maxBytes} bytes`, maxBytes, error, INFLATED_HINT)
    }
    throw undecodable(`the body is not valid ${name} data`, {}, error)
  }
}

/** The error for a body over the size limit. */
export function tooLarge(message: string, maxBytes: number, cause?: unknown, hint?: string): MessageError {
  return new MessageError(message, {
    code: 'LVG_MESSAGE_TOO_LARGE',
    details: { maxBytes },
    cause,
    ...(hint === undefined ? {} : { hint }),
  })
}

const INFLATED_HINT = 'Send it without compression, or raise messageMaxDecompressedBytes.'
