import { type Endpoint, WebhookError } from '../domain/index.js'
import type { SqlDatabase, SqlSession } from './database/database.js'
import { readStatements } from './database/statements.js'
import { limitOf, listingOf } from './listing.js'
import type { EndpointStore, EndpointUpdate, StoredEndpoint, StoredSecret } from './webhook-store.js'

const SQL = readStatements(new URL('./sql/endpoints.sql', import.meta.url), [
  'insert',
  'insertLane',
  'insertPatterns',
  'deletePatterns',
  'get',
  'list',
  'lock',
  'update',
  'setEnabled',
  'lockLane',
  'resetLane',
  'unhold',
  'hold',
  'markDeleted',
  'cancelAll',
  'deleteSecrets',
  'insertSecret',
  'expireSecrets',
  'secretsOf',
  'secrets',
  'reseal',
  'tls',
  'ofDeliveries',
  'secretsOfDeliveries',
  'resealTls',
])

interface EndpointRow {
  readonly id: string
  readonly tenant: string
  readonly settings: string
  readonly is_enabled: number
  readonly disabled_reason: Endpoint['disabledReason']
  readonly disabled_at: number | null
  readonly sealed_tls: Uint8Array | null
  readonly created_at: number
  readonly updated_at: number
}

interface SecretRow {
  readonly id: string
  readonly endpoint_id: string
  readonly scheme: StoredSecret['scheme']
  readonly public_key: string | null
  readonly sealed: Uint8Array
  readonly created_at: number
  readonly expires_at: number | null
}

/** Endpoints in SQL. */
export function endpointStore(database: SqlDatabase): EndpointStore {
  const changed = async (
    tenant: string,
    id: string,
    nowMs: number,
    change: (session: SqlSession, before: StoredEndpoint) => Promise<void>,
  ): Promise<StoredEndpoint | undefined> =>
    database.transaction(async (session) => {
      // The lane first, as everywhere, so that two transactions that lock both never deadlock.
      await session.query(SQL.lockLane, [id])
      const [row] = await session.query<EndpointRow>(SQL.lock, [id, tenant])
      if (!row) return undefined
      await change(session, toEndpoint(row, []))
      return (await loadEndpoints(session, [id], nowMs))[0]
    })

  return {
    insert: (endpoint) =>
      database.transaction(async (session) => {
        const { id, tenant, isEnabled, disabledReason, disabledAtMs, sealedTls, createdAtMs } = endpoint
        const inserted = await session.query(SQL.insert, [
          id,
          tenant,
          settingsOf(endpoint),
          isEnabled ? 1 : 0,
          disabledReason,
          disabledAtMs,
          sealedTls,
          createdAtMs,
        ])
        if (inserted.length === 0)
          throw new WebhookError(`There is an endpoint ${id} already.`, {
            code: 'LVG_WEBHOOK_CONFLICT',
            field: 'id',
          })
        await session.query(SQL.insertLane, [id])
        await session.query(SQL.insertPatterns, [patternsOf(endpoint)])
        for (const secret of endpoint.secrets) await insertSecret(session, secret)
      }),

    get: (ids) => loadEndpoints(database, ids, Date.now()),

    async list({ tenant, isEnabled, limit, after = '~' }) {
      const most = limitOf(limit)
      const enabled = isEnabled === undefined ? -1 : isEnabled ? 1 : 0
      const rows = await database.query<EndpointRow>(SQL.list, [tenant, after, enabled, most + 1])
      const secrets = await loadSecrets(
        database,
        rows.map(({ id }) => id),
        Date.now(),
      )
      return listingOf(
        rows.map((row) => toEndpoint(row, secrets)),
        most,
        ({ id }) => id,
      )
    },

    update: (tenant, id, changes, nowMs) =>
      changed(tenant, id, nowMs, async (session, before) => {
        const after = applied(before, changes)
        await session.query(SQL.update, [id, settingsOf(after), after.sealedTls, nowMs])
        if (changes.eventTypes === undefined) return
        await session.query(SQL.deletePatterns, [id])
        await session.query(SQL.insertPatterns, [patternsOf(after)])
      }),

    setEnabled: (tenant, id, { isEnabled, reason }, nowMs) =>
      changed(tenant, id, nowMs, async (session, before) => {
        if (before.isEnabled === isEnabled) return
        await session.query(SQL.setEnabled, [
          id,
          isEnabled ? 1 : 0,
          isEnabled ? null : reason,
          isEnabled ? null : nowMs,
          nowMs,
        ])
        if (isEnabled) {
          await session.query(SQL.resetLane, [id])
          await session.query(SQL.unhold, [id, nowMs])
        } else await holdAll(session, before, nowMs)
      }),

    async delete(tenant, id, nowMs) {
      const deleted = await database.transaction(async (session) => {
        await session.query(SQL.lockLane, [id])
        const [row] = await session.query<EndpointRow>(SQL.lock, [id, tenant])
        if (!row) return false
        await session.query(SQL.markDeleted, [id, nowMs])
        await session.query(SQL.deletePatterns, [id])
        await session.query(SQL.deleteSecrets, [id])
        await session.query(SQL.cancelAll, [id, nowMs])
        return true
      })
      return deleted
    },

    addSecret: (secret, overlapUntilMs) =>
      database.transaction(async (session) => {
        await session.query(SQL.expireSecrets, [secret.endpointId, secret.scheme, overlapUntilMs])
        await insertSecret(session, secret)
      }),

    async secrets({ scheme = '', nowMs, endpointId = '' }) {
      return (await database.query<SecretRow>(SQL.secrets, [nowMs, scheme, endpointId])).map(toSecret)
    },

    reseal: (changes) =>
      database.transaction(async (session) => {
        for (const { id, sealed } of changes) await session.query(SQL.reseal, [id, sealed])
      }),

    async tls() {
      const rows = await database.query<{ id: string; sealed_tls: Uint8Array }>(SQL.tls)
      return rows.map(({ id, sealed_tls }) => ({ id, sealed: sealed_tls }))
    },

    resealTls: (changes) =>
      database.transaction(async (session) => {
        for (const { id, sealed, was } of changes) await session.query(SQL.resealTls, [id, sealed, was])
      }),
  }
}

/** Existing endpoints, with the secrets that sign at a given time. */
export async function loadEndpoints(
  session: SqlSession,
  ids: readonly string[],
  nowMs: number,
): Promise<readonly StoredEndpoint[]> {
  if (ids.length === 0) return []
  const rows = await session.query<EndpointRow>(SQL.get, [ids])
  const secrets = await loadSecrets(session, ids, nowMs)
  return rows.map((row) => toEndpoint(row, secrets))
}

/** Holds or cancels the waiting deliveries of a disabled endpoint, according to its settings. */
export async function holdAll(session: SqlSession, endpoint: Endpoint, nowMs: number): Promise<void> {
  await session.query(SQL.hold, [endpoint.id, nowMs, endpoint.storesWhileDisabled ? 'held' : 'cancelled'])
}

/** Disables a locked endpoint. */
export async function markDisabled(
  session: SqlSession,
  endpoint: Endpoint,
  reason: Endpoint['disabledReason'],
  nowMs: number,
): Promise<void> {
  await session.query(SQL.setEnabled, [endpoint.id, 0, reason, nowMs, nowMs])
  await holdAll(session, endpoint, nowMs)
}

/** The endpoints of deliveries, without a look at the deliveries first. */
export async function loadEndpointsOf(
  session: SqlSession,
  deliveryIds: readonly string[],
  nowMs: number,
): Promise<readonly StoredEndpoint[]> {
  const [rows, secrets] = await Promise.all([
    session.query<EndpointRow>(SQL.ofDeliveries, [deliveryIds]),
    session.query<SecretRow>(SQL.secretsOfDeliveries, [deliveryIds, nowMs]),
  ])
  const found = secrets.map(toSecret)
  return rows.map((row) => toEndpoint(row, found))
}

async function loadSecrets(
  session: SqlSession,
  ids: readonly string[],
  nowMs: number,
): Promise<readonly StoredSecret[]> {
  return ids.length === 0 ? [] : (await session.query<SecretRow>(SQL.secretsOf, [ids, nowMs])).map(toSecret)
}

async function insertSecret(session: SqlSession, secret: StoredSecret): Promise<void> {
  const { id, endpointId, scheme, publicKey, sealed, createdAtMs, expiresAtMs } = secret
  const values = [id, endpointId, scheme, publicKey, sealed, createdAtMs, expiresAtMs]
  if ((await session.query(SQL.insertSecret, values)).length > 0) return
  throw new WebhookError(`There is a secret ${id} already.`, { code: 'LVG_WEBHOOK_CONFLICT', field: 'id' })
}

type Settings = Omit<
  Endpoint,
  'id' | 'tenant' | 'isEnabled' | 'disabledReason' | 'disabledAtMs' | 'createdAtMs' | 'updatedAtMs'
>

function settingsOf(endpoint: StoredEndpoint): string {
  const {
    id,
    tenant,
    isEnabled,
    disabledReason,
    disabledAtMs,
    createdAtMs,
    updatedAtMs,
    secrets,
    sealedTls,
    ...settings
  } = endpoint
  return JSON.stringify(settings satisfies Settings)
}

/** Patterns in the form that `applies` expects: an endpoint without types gets `*`. */
function patternsOf({ tenant, id, eventTypes }: Endpoint): string {
  const patterns = eventTypes.length === 0 ? ['*'] : eventTypes
  return JSON.stringify(patterns.map((pattern) => ({ tenant, pattern, endpoint_id: id })))
}

function applied(before: StoredEndpoint, changes: EndpointUpdate): StoredEndpoint {
  return { ...before, ...changes }
}

function toEndpoint(row: EndpointRow, secrets: readonly StoredSecret[]): StoredEndpoint {
  // This file alone writes the column.
  const settings = JSON.parse(row.settings) as Settings
  return {
    ...settings,
    id: row.id,
    tenant: row.tenant,
    isEnabled: row.is_enabled === 1,
    disabledReason: row.disabled_reason,
    disabledAtMs: row.disabled_at,
    createdAtMs: row.created_at,
    updatedAtMs: row.updated_at,
    sealedTls: row.sealed_tls,
    secrets: secrets.filter(({ endpointId }) => endpointId === row.id),
  }
}

const toSecret = (row: SecretRow): StoredSecret => ({
  id: row.id,
  endpointId: row.endpoint_id,
  scheme: row.scheme,
  publicKey: row.public_key,
  sealed: row.sealed,
  createdAtMs: row.created_at,
  expiresAtMs: row.expires_at,
})
