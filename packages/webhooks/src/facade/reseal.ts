import type { WebhookStore } from '../store/index.js'
import type { Vault } from '../vault/index.js'

/** The numbers of what was encrypted again. */
export interface Resealed {
  readonly secrets: number
  readonly tlsIdentities: number
}

const AT_ONCE = 200

/**
 * Encrypts again what an old key of the ring encrypts, in batches. What is killed midway is finished by the next call; nothing is ever
 * without its key, because old and new keys are in the ring meanwhile.
 */
export async function reseal({ endpoints }: WebhookStore, vault: Vault, nowMs: number): Promise<Resealed> {
  const secrets = (await endpoints.secrets({ nowMs })).filter(({ sealed }) => vault.isOld(sealed))
  for (const batch of batches(secrets))
    await endpoints.reseal(
      batch.map(({ id, sealed }) => ({ id, sealed: vault.seal(vault.open(sealed, id), id) })),
    )
  const identities = (await endpoints.tls()).filter(({ sealed }) => vault.isOld(sealed))
  for (const batch of batches(identities))
    await endpoints.resealTls(
      batch.map(({ id, sealed }) => ({ id, was: sealed, sealed: vault.seal(vault.open(sealed, id), id) })),
    )
  return { secrets: secrets.length, tlsIdentities: identities.length }
}

function* batches<T>(items: readonly T[]): Generator<readonly T[]> {
  for (let at = 0; at < items.length; at += AT_ONCE) yield items.slice(at, at + AT_ONCE)
}
