/** How deeply values may nest, both ways; Python's own JSON reader gives up near 1000. */
export const MAX_DEPTH = 900

/**
 * `messageMaxBytes`: the largest body, compressed or not, that is written or read: 64 MiB. Below what Redis (512 MiB)
 * and RabbitMQ (128 MiB, 16 MiB from version 4 on) take, and already half a second of decoding.
 */
export const DEFAULT_MAX_BYTES = 64 * 1024 * 1024

/**
 * `messageMaxDecompressedBytes`: what may come out of a compressed body, 16 MiB. Less than may be sent as it is: a sender who wants to
 * do harm sends a thousandth of it.
 */
export const DEFAULT_MAX_INFLATED_BYTES = 16 * 1024 * 1024
