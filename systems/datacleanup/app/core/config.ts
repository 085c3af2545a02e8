import { ConfigurationError } from 'lovage'

/** What the system reads from its environment; each name is that of `.env.example`. */
export type Name =
  | 'DATABASE_URL'
  | 'UPLOAD_DIR'
  | 'OPENAI_BASE_URL'
  | 'OPENAI_API_KEY'
  | 'OPENAI_MODEL'
  | 'OPENAI_EMBEDDING_MODEL'
  | 'STRIPE_SECRET_KEY'
  | 'STRIPE_WEBHOOK_SECRET'
  | 'STRIPE_API_URL'
  | 'SMTP_URL'
  | 'INVOICE_FROM'
  | 'MAX_UPLOAD_BYTES'
  | 'TEMP_FILE_HOURS'

const DEFAULTS: Partial<Record<Name, string>> = {
  OPENAI_BASE_URL: 'https://api.openai.com/v1',
  OPENAI_MODEL: 'gpt-4o-mini',
  OPENAI_EMBEDDING_MODEL: 'text-embedding-3-small',
  STRIPE_API_URL: 'https://api.stripe.com',
  INVOICE_FROM: 'DataCleanup Pro <billing@localhost>',
  MAX_UPLOAD_BYTES: String(512 * 1024 * 1024),
  TEMP_FILE_HOURS: '24',
}

/**
 * A setting of the environment, or its default.
 * @throws {ConfigurationError} LVG_CONFIG_INVALID that names what is missing.
 */
export function setting(name: Name): string {
  const value = process.env[name] ?? DEFAULTS[name]
  if (value) return value
  throw new ConfigurationError(`${name} is not set.`, {
    code: 'LVG_CONFIG_INVALID',
    hint: 'systems/datacleanup/.env.example lists what the system needs.',
  })
}
