import { createHmac, sign as signWith } from 'node:crypto'
import type { SigningKey } from './keys.js'

/**
 * The value of `webhook-signature`: one signature per key, separated by spaces, over `id.timestamp.body`. `timestampS` is in whole
 * seconds; `body` is exactly the bytes sent.
 */
export function signatureHeader(
  keys: readonly SigningKey[],
  id: string,
  timestampS: number,
  body: Uint8Array,
): string {
  return keys.map((key) => signature(key, `${id}.${timestampS}.`, body)).join(' ')
}

function signature(key: SigningKey, head: string, body: Uint8Array): string {
  if (key.scheme === 'v1')
    return `v1,${createHmac('sha256', key.bytes).update(head).update(body).digest('base64')}`
  return `v1a,${signWith(null, Buffer.concat([Buffer.from(head), body]), key.privateKey).toString('base64')}`
}
