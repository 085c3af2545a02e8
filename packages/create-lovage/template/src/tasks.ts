import { crontab } from 'lovage'
import { app } from './app.js'

/** Sends a greeting. The name is what callers in any language use: Python calls `{{APP}}.greet` too. */
export const greet = app.task({
  name: '{{APP}}.greet',
  params: ['name'],
  autoretryFor: [Error], // tried again, later each time, at most three times
  retryBackoff: true,
  run: (ctx, name: string) => `Hello ${name}, from task ${ctx.id}`,
})

/** Runs every night; see the schedule below. */
export const tidy = app.task({
  name: '{{APP}}.tidy',
  run: () => ({ removed: 0 }),
})

app.addPeriodicTask(crontab({ hour: 3, minute: 30 }), tidy)

export { app }
