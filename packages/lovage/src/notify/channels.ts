import { ConfigurationError, ConnectionError, type Logger, redactUrl } from '../kernel/index.js'
import type { NoticeMessage } from './notice.js'

/** Where notices go. */
export interface NoticeChannel {
  /** Unique among the channels of a notifier; the rate limit is kept under it. */
  readonly name: string
  /** Resolves when it was taken; what it rejects with is logged, and tried again. */
  send(message: NoticeMessage): Promise<void>
}

/** Longer than any of these services needs. */
const PATIENCE_MS = 10_000

/** Writes notices to the log: warnings, and critical ones as errors. */
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

/** Posts notices as JSON: the `NoticeMessage` as it is. */
export function toWebhook(
  url: string,
  options: { readonly headers?: Readonly<Record<string, string>>; readonly name?: string } = {},
): NoticeChannel {
  return {
    name: options.name ?? 'webhook',
    send: (message) => post(url, message, options.headers),
  }
}

/** Posts notices to an incoming webhook of Slack, or of what takes its format (Mattermost, Rocket.Chat). */
export function toSlack(url: string, options: { readonly name?: string } = {}): NoticeChannel {
  return {
    name: options.name ?? 'slack',
    send: ({ subject, text, severity }) =>
      post(url, { text: `${ICON[severity]} *${plain(subject)}*\n${plain(text)}` }),
  }
}

/** How mails are sent. */
export interface EmailOptions {
  /** `smtp://user:password@host:587`, `smtps://…`. */
  readonly url: string
  readonly from: string
  readonly to: string | readonly string[]
  readonly name?: string
}

/** Mails notices, by the package `nodemailer`, which is to be installed beside this one. */
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

/** What is used of the package; any version of it that is installed has it. */
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

/** What Slack would take for its own markup. */
const plain = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')

/** A header has one line. */
const oneLine = (text: string): string => text.replace(/\s+/g, ' ').slice(0, 200)
