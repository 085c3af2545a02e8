import { createHash } from 'node:crypto'

/** The UUID version 5 (RFC 9562) of a name in a namespace, itself a UUID. */
export function uuid5(namespace: string, name: string): string {
  const hash = createHash('sha1')
    .update(Buffer.from(namespace.replaceAll('-', ''), 'hex'))
    .update(name)
    .digest()
    .subarray(0, 16)
  hash[6] = ((hash[6] ?? 0) & 0x0f) | 0x50
  hash[8] = ((hash[8] ?? 0) & 0x3f) | 0x80
  const hex = hash.toString('hex')
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-')
}

/** A random constant: the namespace of all ticks of Lovage. */
const TICKS = '6f9d3b0c-6f0e-4c9a-9c1c-1f0a5f1c7d52'

/**
 * The id of the task for a schedule's due instant: the same on every beat and every time, so
 * that a repeated publication can be recognised.
 */
export const tickId = (space: string, entry: string, tickMs: number): string =>
  uuid5(TICKS, `${space}\n${entry}\n${tickMs}`)

/** The delay of a due instant under `jitterMs`: evenly spread, and the same on every beat. */
export function jitterOf(taskId: string, jitterMs: number): number {
  return jitterMs === 0 ? 0 : Math.floor((Number.parseInt(taskId.slice(0, 8), 16) / 2 ** 32) * (jitterMs + 1))
}
