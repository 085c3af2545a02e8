import { createTransport } from 'nodemailer'
import { completionProvider } from '../ai/provider.js'
import { openStripe } from '../billing/stripe.js'
import { app } from './app.js'
import { setting } from './config.js'
import { data } from './data.js'

// What `celery -A app.core.celery_app doctor` looks at besides the broker and the workers.
app.deployChecks.push(
  {
    name: 'database',
    run: async () => {
      const db = await data()
      await db.query('SELECT count(*) AS n FROM users')
      return `${db.kind} answers`
    },
    advice: 'Check DATABASE_URL, and that the database runs.',
  },
  {
    name: 'language model',
    run: async () => `${(await completionProvider().models()).length} models`,
    advice: 'Check OPENAI_BASE_URL and OPENAI_API_KEY.',
  },
  {
    name: 'stripe',
    run: async () => {
      setting('STRIPE_WEBHOOK_SECRET')
      await openStripe().balance.retrieve()
      return 'the key is good'
    },
    advice: 'Check STRIPE_SECRET_KEY and STRIPE_WEBHOOK_SECRET.',
  },
  {
    name: 'mail',
    run: () => createTransport(setting('SMTP_URL')).verify(),
    advice: 'Check SMTP_URL.',
  },
)
