import { ConfigurationError, ConnectionError, type Logger, redactUrl } from '../kernel/index.js'
import type { NoticeMessage } from './notice.js'

/** A destination for notices. */
export interface NoticeChannel {
  /** Unique among a notifier's channels; the rate limit is kept under this name. */
  readonly name: string
  /** Sends a message; resolves when it was accepted. A rejection is logged, and retried. */
  send(message: NoticeMessage): Promise<void>
}

/** The request timeout, longer than any of these services needs. */
const PATIENCE_MS = 10_000

/**
 * Writes notices to the log: warnings, and critical ones as errors.
 *
 * @example
 * import { notifier, toLog } from 'lovage'
 * app.steps.push(notifier(app, { to: [toLog(app.logger)] }))
 */
export function toLog(logger: Logger): NoticeChannel {
  return {
    name: 'log',
    async send({ subject, text, severity, count, isDigest }) {
      const fields = { notice: text, count, digest: isDigest }
      if (severity === 'critical') logger.error(fields, subject)
      else logger.warn(fields, subject)
    },
  }
}

/**
 * Posts notices as JSON: the unchanged `NoticeMessage`.
 *
 * @example
 * import { notifier, toWebhook } from 'lovage'
 * app.steps.push(notifier(app, { to: [toWebhook('https://example.com/alerts')] }))
 */
export function toWebhook(
  url: string,
  options: { readonly headers?: Readonly<Record<string, string>>; readonly name?: string } = {},
): NoticeChannel {
  return {
    name: options.name ?? 'webhook',
    send: (message) => post(url, message, options.headers),
  }
}

/**
 * Posts notices to an incoming webhook of Slack, or of a service that takes its format (Mattermost, Rocket.Chat).
 *
 * @example
 * import { notifier, toSlack } from 'lovage'
 * app.steps.push(notifier(app, { to: [toSlack('https://hooks.slack.com/services/T/B/x')] }))
 */
export function toSlack(url: string, options: { readonly name?: string } = {}): NoticeChannel {
  return {
    name: options.name ?? 'slack',
    send: ({ subject, text, severity }) =>
      post(url, { text: `${ICON[severity]} *${plain(subject)}*\n${plain(text)}` }),
  }
}

/** The options for sending mail. */
export interface EmailOptions {
  /** `smtp://user:password@host:587`, `smtps://…`. */
  readonly url: string
  readonly from: string
  readonly to: string | readonly string[]
  readonly name?: string
}

/**
 * Mails notices with the package `nodemailer`, which must be installed alongside this one.
 *
 * @example
 * import { notifier, toEmail } from 'lovage'
 * const mails = toEmail({ url: 'smtp://localhost', from: 'queue@example.com', to: ['ops@example.com'] })
 * app.steps.push(notifier(app, { to: [mails] }))
 */
export function toEmail({ url, from, to, name = 'email' }: EmailOptions): NoticeChannel {
  let transport: Promise<Transport> | undefined
  return {
    name,
    async send({ subject, text }) {
      transport ??= openTransport(url)
      try {
        await (await transport).sendMail({
          from,
          to: [to].flat().join(', '),
          subject: oneLine(subject),
          text,
        })
      } catch (error) {
        transport = undefined
        throw error
      }
    },
  }
}

/** The parts of the package used here, present in every version. */
interface Transport {
  sendMail(mail: { from: string; to: string; subject: string; text: string }): Promise<unknown>
}

async function openTransport(url: string): Promise<Transport> {
  try {
    const { createTransport } = await import('nodemailer')
    return createTransport(url)
  } catch (error) {
    throw new ConfigurationError('Mails need the package nodemailer: npm install nodemailer', {
      code: 'LVG_DRIVER_MISSING',
      details: { package: 'nodemailer' },
      cause: error,
    })
  }
}

async function post(
  url: string,
  body: object,
  headers: Readonly<Record<string, string>> = {},
): Promise<void> {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
    redirect: 'error',
    signal: AbortSignal.timeout(PATIENCE_MS),
  })
  await response.body?.cancel()
  if (!response.ok)
    throw new ConnectionError(`${new URL(redactUrl(url)).host} answered ${response.status} to a notice.`, {
      code: 'LVG_CONNECTION_FAILED',
      details: { status: response.status },
    })
}

const ICON = { info: ':white_check_mark:', warning: ':warning:', critical: ':rotating_light:' } as const

/** Escapes Slack's own markup. */
const plain = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')

/** A header is a single line. */
const oneLine = (text: string): string => text.replace(/\s+/g, ' ').slice(0, 200)
