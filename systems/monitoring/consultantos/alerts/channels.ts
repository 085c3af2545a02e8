import { abortAfter } from 'lovage'
import { createTransport } from 'nodemailer'
import { Webhook } from 'standardwebhooks'
import { Unfit } from '../pages/fetch-page.js'
import type { Monitor } from '../pages/monitor.js'
import type { Alert } from './alert.js'

const TIMEOUT_MS = 15_000
/** Slack shows no more of a block. */
const SLACK_TEXT = 2900

/** Tells one channel of an alert. A channel that does not answer is tried again by the task. */
export async function deliver(
  channel: string,
  alert: Alert,
  monitor: Monitor,
  signal: AbortSignal,
): Promise<true> {
  const [kind, where] = [channel.slice(0, channel.indexOf(':')), channel.slice(channel.indexOf(':') + 1)]
  if (kind === 'mail') await mail(where, alert, monitor)
  else if (kind === 'slack') await post(where, JSON.stringify(slackMessage(alert, monitor)), {}, signal)
  else if (kind === 'webhook') await post(where, bodyOf(alert, monitor), signature(alert, monitor), signal)
  else throw new Unfit(`${channel} is not a channel.`)
  return true
}

/** One line for all channels. */
export const headline = ({ kind }: Alert, { name }: Monitor): string =>
  ({
    down: `${name} is down`,
    up: `${name} is up again`,
    changed: `${name} has changed`,
    anomaly: `${name} behaves unusually`,
  })[kind]

/** An alert in Slack's format of blocks. */
export const slackMessage = (alert: Alert, monitor: Monitor) => ({
  text: headline(alert, monitor),
  blocks: [
    { type: 'header', text: { type: 'plain_text', text: headline(alert, monitor).slice(0, 150) } },
    {
      type: 'section',
      text: { type: 'mrkdwn', text: `\`\`\`${escaped(alert.message).slice(0, SLACK_TEXT)}\`\`\`` },
    },
    {
      type: 'context',
      elements: [
        { type: 'mrkdwn', text: `<${escaped(monitor.url)}>, ${new Date(alert.created_ms).toISOString()}` },
      ],
    },
  ],
})

const escaped = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')

async function mail(to: string, alert: Alert, monitor: Monitor): Promise<void> {
  const { SMTP_URL, ALERTS_FROM = 'monitoring@localhost' } = process.env
  if (!SMTP_URL) throw new Unfit('SMTP_URL is not set: no alert can be mailed.')
  await createTransport(SMTP_URL).sendMail({
    from: ALERTS_FROM,
    to,
    subject: headline(alert, monitor),
    text: `${alert.message}\n\n${monitor.url}\n${new Date(alert.created_ms).toISOString()}`,
    messageId: `<${alert.id.replace(/[^\w.-]/g, '.')}@monitoring>`,
  })
}

const bodyOf = (alert: Alert, { name, url }: Monitor): string =>
  JSON.stringify({
    type: `monitor.${alert.kind}`,
    timestamp: new Date(alert.created_ms).toISOString(),
    data: { monitor_id: alert.monitor_id, name, url, message: alert.message },
  })

function signature(alert: Alert, monitor: Monitor): Record<string, string> {
  const { ALERT_WEBHOOK_SECRET } = process.env
  if (!ALERT_WEBHOOK_SECRET) throw new Unfit('ALERT_WEBHOOK_SECRET is not set: no webhook can be signed.')
  const now = new Date()
  return {
    // The same for every try, by which receivers know a repetition.
    'webhook-id': `msg_${alert.id}`,
    'webhook-timestamp': String(Math.floor(now.getTime() / 1000)),
    'webhook-signature': new Webhook(ALERT_WEBHOOK_SECRET).sign(
      `msg_${alert.id}`,
      now,
      bodyOf(alert, monitor),
    ),
  }
}

async function post(
  url: string,
  body: string,
  headers: Record<string, string>,
  signal: AbortSignal,
): Promise<void> {
  const response = await fetch(url, {
    method: 'POST',
    body,
    redirect: 'manual',
    headers: { 'content-type': 'application/json', ...headers },
    signal: abortAfter(TIMEOUT_MS, signal),
  })
  await response.body?.cancel()
  if (response.status === 410) throw new Unfit(`${new URL(url).host} no longer accepts alerts (410).`)
  if (!response.ok) throw new Error(`${new URL(url).host} answered ${response.status}.`)
}
