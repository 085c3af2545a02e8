import { createTransport } from 'nodemailer'
import { Unfit } from '../pages/fetch-page.js'
import type { Monitor } from '../pages/monitor.js'
import type { Alert } from './alert.js'
import { post } from './hooks.js'

/** Slack shows no more of a block. */
const SLACK_TEXT = 2900

/** Tells one channel of an alert: by mail, or by handing it to the delivery of webhooks, which goes on trying by itself. */
export async function deliver(channel: string, alert: Alert, monitor: Monitor): Promise<true> {
  const [kind, where] = [channel.slice(0, channel.indexOf(':')), channel.slice(channel.indexOf(':') + 1)]
  const event = { id: alert.id, type: `monitor.${alert.kind}` }
  if (kind === 'mail') await mail(where, alert, monitor)
  else if (kind === 'slack')
    await post({ kind, url: where }, { ...event, body: JSON.stringify(slackMessage(alert, monitor)) })
  else if (kind === 'webhook') await post({ kind, url: where }, { ...event, body: bodyOf(alert, monitor) })
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
