import { createTransport } from 'nodemailer'
import { z } from 'zod'
import { current } from '../application.js'
import { app } from '../celery.js'
import { createTaskDecorator, runId, Unfit } from './base.js'

/** Sends a mail. */
export const sendNotification = app.task({
  ...createTaskDecorator({ queue: 'notifications' }),
  name: 'app.workers.notifications.send_notification',
  input: z.object({ to: z.email(), subject: z.string(), text: z.string() }),
  params: ['to', 'subject', 'text'],
  rateLimit: '3000/m',
  run: async (_ctx, { to, subject, text }) => {
    const { smtpUrl, operatorsMail } = current().config
    if (!smtpUrl) throw new Unfit('SMTP_URL is not set: no mail can be sent.')
    // The same id for every try, by which mail servers and readers know a repetition.
    await createTransport(smtpUrl).sendMail({
      from: operatorsMail,
      to,
      subject,
      text,
      messageId: `<${runId()}@task-platform>`,
    })
    return { to }
  },
})
