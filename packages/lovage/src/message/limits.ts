/** The nesting limit of values, for reading and writing; Python's own JSON reader gives up near 1000. */
export const MAX_DEPTH = 900

/**
 * `messageMaxBytes`: the largest body, compressed or not, that is written or read: 64 MiB. Below the limits of Redis (512 MiB) and
 * RabbitMQ (128 MiB, 16 MiB from version 4 on), and already half a second of decoding.
 */
export const DEFAULT_MAX_BYTES = 64 * 1024 * 1024

/**
 * `messageMaxDecompressedBytes`: the largest decompressed body, 16 MiB. Lower than the uncompressed limit, because an attacker needs to
 * send only a thousandth of it.
 */
export const DEFAULT_MAX_INFLATED_BYTES = 16 * 1024 * 1024
