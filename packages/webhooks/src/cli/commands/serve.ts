import { once } from 'node:events'
import { openBeat, startWorker } from 'lovage'
import { portalApp } from '../../portal/index.js'
import { serveWebhooks, serviceApp } from '../../service/index.js'
import { type Command, numberOf, textOf } from '../shared/command.js'

/** `lovage-webhooks serve`. */
export const serve: Command = {
  name: 'serve',
  summary: 'serves the HTTP interface and the portal',
  forms: [''],
  options: {
    port: { type: 'string', short: 'p', value: 'PORT', help: 'default: PORT in the environment, else 8071' },
    host: { type: 'string', value: 'ADDRESS', help: 'default: 127.0.0.1' },
    'public-url': { type: 'string', value: 'URL', help: 'where clients see it, for links' },
    rate: { type: 'string', value: 'COUNT', help: 'requests a minute of each key (default: 600)' },
    worker: { type: 'boolean', short: 'w', help: 'also deliver, and sweep, in this process' },
    concurrency: {
      type: 'string',
      short: 'c',
      value: 'COUNT',
      help: 'deliveries at once, with --worker (default: 50)',
    },
  },
  examples: ['serve --worker', '-A src/app.ts serve --host 0.0.0.0 --public-url https://hooks.example.com'],
  async run({ hooks, given, out }) {
    const { app } = hooks
    const port = numberOf(given, 'port') ?? Number(process.env.PORT ?? 8071)
    const [host, publicUrl, perMinute] = [
      textOf(given, 'host'),
      textOf(given, 'public-url'),
      numberOf(given, 'rate', 1),
    ]
    const of = publicUrl === undefined ? {} : { publicUrl: publicUrl.replace(/\/$/, '') }
    const ended = Promise.race([once(process, 'SIGTERM'), once(process, 'SIGINT')])
    const worker =
      given.worker === true
        ? await startWorker(app, { concurrency: numberOf(given, 'concurrency', 1) ?? 50 })
        : undefined
    const opened = given.worker === true ? await openBeat(app) : undefined
    const beating = opened?.beat.run()
    const service = await serveWebhooks(
      serviceApp(hooks, {
        open: [portalApp(hooks, of)],
        ...of,
        ...(perMinute === undefined ? {} : { rate: { perMinute } }),
      }),
      { port, ...(host === undefined ? {} : { host }) },
    )
    out.value({ url: service.url }, `Webhooks are served at ${service.url}`)
    if (given.worker !== true) out.say('Deliveries are made by workers: lovage worker, or serve --worker.')
    // A beat that ends by itself has failed: the process ends with it.
    await Promise.race([ended, ...(beating ? [beating] : [])])
    await service.close()
    await opened?.close()
    await worker?.stop('warm')
    return undefined
  },
}
