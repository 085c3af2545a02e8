import { createTransport } from 'nodemailer'
import { configFrom, database } from './application.js'
import { app } from './celery.js'

// What `doctor` looks at besides the broker, the results, the dead letters and the workers.
app.deployChecks.push(
  {
    name: 'database',
    run: async () => {
      const db = await database()
      await db.query('SELECT count(*) AS n FROM task_runs')
      return `${db.kind} answers`
    },
    advice: 'Check DATABASE_URL, and that the database runs.',
  },
  {
    name: 'mail',
    run: () => {
      const { smtpUrl } = configFrom(process.env)
      if (!smtpUrl) throw new Error('SMTP_URL is not set.')
      return createTransport(smtpUrl).verify()
    },
    advice: 'Check SMTP_URL.',
  },
)
