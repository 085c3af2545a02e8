import { createTransport } from 'nodemailer'
import { data } from '../data.js'
import { app } from './app.js'

// What `doctor` looks at besides the broker and the workers.
app.deployChecks.push(
  {
    name: 'database',
    run: async () => {
      const db = await data()
      const [row] = await db.query('SELECT count(*) AS n FROM monitors')
      return `${db.kind} answers: ${row?.n} monitors`
    },
    advice: 'Check DATABASE_URL, and that the database runs.',
  },
  {
    name: 'mail',
    run: async () => {
      if (!process.env.SMTP_URL) return 'SMTP_URL is not set: no alerts by mail'
      await createTransport(process.env.SMTP_URL).verify()
      return 'the mail server answers'
    },
    advice: 'Check SMTP_URL.',
  },
)
