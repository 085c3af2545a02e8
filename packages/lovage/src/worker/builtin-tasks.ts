import type { Lovage } from '../app/index.js'

/** The tasks that every worker has, as Celery's do; an app may define its own under the same name. */
export function addBuiltinTasks(app: Lovage): void {
  if (app.tasks.has('celery.backend_cleanup')) return
  app.task({
    name: 'celery.backend_cleanup',
    run: async () => {
      const { resultExpires } = app.conf
      if (app.hasResults && resultExpires > 0)
        await (await app.results()).prune(app.clock.now() - resultExpires * 1000)
    },
  })
}
