import * as zlib from 'node:zlib'
import { ConfigurationError, MessageError } from '../kernel/index.js'
import { undecodable } from './json-reader.js'

/** What compresses a body. */
interface Codec {
  readonly contentType: string
  readonly names: readonly string[]
  compress?(bytes: Buffer | string): Buffer
  decompress?(bytes: Buffer, maxOutputLength: number): Buffer
  /** Why it cannot be used here, when it cannot. */
  readonly missing?: string
}

/** Node has zstandard from 22.15 on; the types of Node 20 do not know it. */
const zstd = zlib as {
  readonly zstdCompressSync?: (bytes: Buffer | string) => Buffer
  readonly zstdDecompressSync?: (bytes: Buffer, options: { maxOutputLength: number }) => Buffer
}

const CODECS: readonly Codec[] = [
  {
    // Celery's gzip is a zlib stream; a real gzip file is taken too, though no Python worker would.
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
    // 5 of 11: the highest takes a hundred times as long for some per cent.
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

/** A compressed body and what goes into the header `compression`. */
export interface Compressed {
  readonly body: Buffer
  readonly contentType: string
}

/**
 * Compresses a body by Celery's name (`gzip`, `zlib`, `brotli`, `zstd`, …) or content type. Throws a ConfigurationError
 * for a name that is not known or not available in this Node.
 */
export function compress(body: Buffer | string, name: string): Compressed {
  const codec = BY_NAME.get(name)
  if (codec?.compress === undefined) {
    const usable = CODECS.filter((known) => known.compress).map((known) => known.names[0])
    throw new ConfigurationError(`the compression ${name} cannot be used: ${codec?.missing ?? 'not known'}`, {
      code: 'LVG_CONFIG_INVALID',
      hint: `Use one of ${usable.join(', ')}.`,
    })
  }
  return { body: codec.compress(body), contentType: codec.contentType }
}

/**
 * Decompresses a body by what its header `compression` says. Throws a MessageError when the algorithm is not known
 * or not available, the data is damaged, or more than `maxBytes` would come out.
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

/** A body beyond the cap. */
export function tooLarge(message: string, maxBytes: number, cause?: unknown, hint?: string): MessageError {
  return new MessageError(message, {
    code: 'LVG_MESSAGE_TOO_LARGE',
    details: { maxBytes },
    cause,
    ...(hint === undefined ? {} : { hint }),
  })
}

const INFLATED_HINT = 'Send it without compression, or raise messageMaxDecompressedBytes.'
