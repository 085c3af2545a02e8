import { Lovage, notifier, Queue, toEmail, toLog, toSlack } from 'lovage'
import { configFrom } from './application.js'

/** Queues in the order in which a worker without `-Q` reads them. */
export const QUEUES = ['billing', 'kyb', 'notifications', 'default', 'dead_letter'] as const

/** Makes the app: messages compressed, limits, queues by kind of work, dead letters in the application's own database. */
export function createCeleryApp(env: NodeJS.ProcessEnv): Lovage {
  const { databaseUrl, smtpUrl, slackUrl, operatorsMail } = configFrom(env)
  const broker = env.CELERY_BROKER_URL ?? env.REDIS_URL
  const app = new Lovage('task_platform', {
    ...(broker ? { broker } : {}),
    ...(databaseUrl ? { deadLetterUrl: databaseUrl.replace(/^postgresql\+\w+:/, 'postgresql:') } : {}),
    taskSerializer: 'json',
    taskCompression: 'gzip',
    taskTimeLimit: 1800,
    taskSoftTimeLimit: 1500,
    resultExpires: 86_400,
    resultExtended: true,
    resultPersistent: true,
    workerPrefetchMultiplier: 1,
    workerMaxTasksPerChild: 1000,
    taskQueues: QUEUES.map((name) => new Queue(name)),
    taskDefaultQueue: 'default',
    taskRoutes: {
      'app.workers.billing.*': { queue: 'billing' },
      'app.workers.kyb.*': { queue: 'kyb' },
      'app.workers.notifications.*': { queue: 'notifications' },
      'app.workers.dead_letter.*': { queue: 'dead_letter' },
    },
  })
  // Failures that nobody would otherwise see; each channel tells ten notices in ten minutes.
  app.steps.push(
    notifier(app, {
      about: ['failed', 'rejected', 'breaker', 'health'],
      to: [
        toLog(app.logger),
        ...(slackUrl ? [toSlack(slackUrl)] : []),
        ...(smtpUrl ? [toEmail({ url: smtpUrl, from: operatorsMail, to: operatorsMail })] : []),
      ],
    }),
  )
  for (const [signal, line] of [
    ['taskPrerun', 'starts'],
    ['taskPostrun', 'has ended'],
  ] as const)
    app.signals.on(signal, ({ context }) => context.logger.debug({}, `${context.name} ${line}`))
  return app
}

/** The app of this process. */
export const app = createCeleryApp(process.env)
