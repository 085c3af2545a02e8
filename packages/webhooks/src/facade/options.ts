import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Schema } from 'lovage'
import { type AddressRules, type Resolver, readRanges } from '../address/index.js'
import { WebhookError } from '../domain/index.js'
import { DEFAULT_LANE_RULES, type LaneRules } from '../lane/index.js'
import { DEFAULT_SCHEDULE, type RetrySchedule } from '../plan/index.js'
import { newRingKey, type RingKey, readRing, Vault } from '../vault/index.js'

/** Types of events, each with a schema of its data (zod, valibot, arktype …). */
export type EventSchemas = Readonly<Record<string, Schema>>

/** The options of webhooks. Absent ones take their defaults. */
export interface WebhooksOptions<Events extends EventSchemas = EventSchemas> {
  /**
   * The store: `postgresql://…` or `sqlite:///path`. Default LOVAGE_WEBHOOKS_STORE in the environment, else `.lovage/webhooks.db` beside
   * the nearest package.json, which is refused in production.
   */
  readonly store?: string
  /**
   * Keys that encrypt secrets in the store, the newest first, as `name:base64` of 32 bytes, separated by commas. Default
   * LOVAGE_WEBHOOKS_KEYS in the environment, else a file beside the embedded store.
   */
  readonly encryptionKeys?: string | readonly RingKey[]
  /** The catalogue of events; other types cannot be sent. Default: any type, unchecked. */
  readonly events?: Events
  /** Allowed non-public ranges: `['10.20.0.0/16']`. Default LOVAGE_WEBHOOKS_ALLOWED_CIDRS in the environment, separated by commas. */
  readonly allowedCidrs?: readonly string[]
  /** Whether endpoints may be `http:`. Default LOVAGE_WEBHOOKS_ALLOW_HTTP in the environment, else false. */
  readonly allowHttp?: boolean
  readonly schedule?: Partial<RetrySchedule>
  readonly rules?: Partial<LaneRules>
  /** The queue of the tasks that deliver. Default: the app's own. */
  readonly queue?: string
  /** Seconds between two sweeps. Default 300. */
  readonly sweepEveryS?: number
  /** A delivery overdue by this long is considered lost. Default 900,000. */
  readonly staleAfterMs?: number
  /** Time beyond the endpoint's own timeout after which an unfinished attempt is considered lost. Default 30,000. */
  readonly leaseMs?: number
  /** Deliveries that ended longer ago than this are removed, once a day. Default 90 days. */
  readonly retentionMs?: number
  /** Default 262,144. */
  readonly maxBodyBytes?: number
  /** A larger body is sent with a warning in the log. Default 20,000. */
  readonly warnBodyBytes?: number
  /** Bytes of a response body that are kept. Default 10,000. */
  readonly captureBytes?: number
  /** The connect timeout, including TLS. Default 5,000. */
  readonly connectTimeoutMs?: number
  /** The shortest timeout an endpoint may have. Default 5,000. */
  readonly minTimeoutMs?: number
  /** PostgreSQL connections per process. Default 8. */
  readonly connections?: number
  /** The name resolver, for tests and custom resolvers. Default: the system's. */
  readonly resolver?: Resolver
  readonly random?: () => number
  readonly env?: Readonly<Record<string, string | undefined>>
}

/** Options with every default filled in. */
export interface WebhookSettings {
  readonly storeUrl: string
  readonly vault: () => Vault
  readonly events: EventSchemas | null
  readonly address: AddressRules
  readonly resolver: Resolver | undefined
  readonly schedule: RetrySchedule
  readonly rules: LaneRules
  readonly queue: string | undefined
  readonly sweepEveryS: number
  readonly staleAfterMs: number
  readonly leaseMs: number
  readonly retentionMs: number
  readonly maxBodyBytes: number
  readonly warnBodyBytes: number
  readonly captureBytes: number
  readonly connectTimeoutMs: number
  readonly minTimeoutMs: number
  readonly connections: number
  readonly random: () => number
}

/** @throws {WebhookError} LVG_WEBHOOK_SETUP. */
export function settingsOf(options: WebhooksOptions): WebhookSettings {
  const { env = process.env } = options
  const storeUrl = options.store ?? env.LOVAGE_WEBHOOKS_STORE ?? embeddedStore(env)
  let vault: Vault | undefined
  return {
    storeUrl,
    // Only code that creates or uses a secret needs the keys: a producer that sends events does not.
    vault: () => {
      vault ??= new Vault(ringOf(options.encryptionKeys ?? env.LOVAGE_WEBHOOKS_KEYS, storeUrl, env))
      return vault
    },
    events: options.events ?? null,
    address: {
      allowed: readRanges(
        options.allowedCidrs ?? env.LOVAGE_WEBHOOKS_ALLOWED_CIDRS?.split(/[\s,]+/).filter(Boolean) ?? [],
      ),
      allowHttp: options.allowHttp ?? /^(1|true|yes|on)$/i.test(env.LOVAGE_WEBHOOKS_ALLOW_HTTP ?? ''),
    },
    resolver: options.resolver,
    schedule: { ...DEFAULT_SCHEDULE, ...options.schedule },
    rules: { ...DEFAULT_LANE_RULES, ...options.rules },
    queue: options.queue,
    sweepEveryS: options.sweepEveryS ?? 300,
    staleAfterMs: options.staleAfterMs ?? 900_000,
    leaseMs: options.leaseMs ?? 30_000,
    retentionMs: options.retentionMs ?? 90 * 86_400_000,
    maxBodyBytes: options.maxBodyBytes ?? 262_144,
    warnBodyBytes: options.warnBodyBytes ?? 20_000,
    captureBytes: options.captureBytes ?? 10_000,
    connectTimeoutMs: options.connectTimeoutMs ?? 5_000,
    minTimeoutMs: options.minTimeoutMs ?? 5_000,
    connections: options.connections ?? 8,
    random: options.random ?? Math.random,
  }
}

function embeddedStore(env: Readonly<Record<string, string | undefined>>): string {
  if (env.NODE_ENV === 'production')
    throw new WebhookError('No store of webhooks is configured, and NODE_ENV is production.', {
      code: 'LVG_WEBHOOK_SETUP',
      field: 'store',
      hint: 'Give `store`, or LOVAGE_WEBHOOKS_STORE in the environment: postgresql://… or sqlite:///path.',
    })
  const folder = join(projectFolder(process.cwd()), '.lovage')
  if (!existsSync(folder)) {
    mkdirSync(folder, { recursive: true })
    writeFileSync(join(folder, '.gitignore'), '*\n')
  }
  return `sqlite://${join(folder, 'webhooks.db')}`
}

function projectFolder(start: string): string {
  for (let folder = start; ; folder = dirname(folder)) {
    if (existsSync(join(folder, 'package.json'))) return folder
    if (dirname(folder) === folder) return start
  }
}

function ringOf(
  given: string | readonly RingKey[] | undefined,
  storeUrl: string,
  env: Readonly<Record<string, string | undefined>>,
): readonly RingKey[] {
  if (given !== undefined) return typeof given === 'string' ? readRing(given) : given
  const path = storeUrl.replace(/^sqlite:(\/\/)?/, '')
  if (path === storeUrl || path === ':memory:' || env.NODE_ENV === 'production')
    throw new WebhookError('Secrets are encrypted in the store, but no key is given.', {
      code: 'LVG_WEBHOOK_SETUP',
      field: 'encryptionKeys',
      hint: 'Give `encryptionKeys`, or LOVAGE_WEBHOOKS_KEYS in the environment: name:base64 of 32 bytes, as `openssl rand -base64 32` generates them.',
    })
  // Development: the file's own key, created by the first process.
  const file = `${path}.key`
  try {
    writeFileSync(file, newRingKey('embedded'), { mode: 0o600, flag: 'wx' })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  }
  return readRing(readFileSync(file, 'utf8'))
}
