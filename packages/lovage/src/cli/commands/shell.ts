import { start } from 'node:repl'
import { AsyncResult } from '../../app/index.js'
import { type GlobalOptions, openApp } from '../global-options.js'

/** `lovage shell`: `await tasks['shop.add'].delay(2, 3)` */
export async function shell(options: GlobalOptions): Promise<void> {
  const app = await openApp(options)
  process.stdout.write(
    `app ${app.main}, ${app.tasks.names().length} tasks; in here are app, tasks, result(id), AsyncResult. Ctrl-D ends.\n`,
  )
  const repl = start({ prompt: `${app.main}> ` })
  const tasks = Object.fromEntries([...app.tasks].map((task) => [task.name, task]))
  Object.assign(repl.context, { app, tasks, AsyncResult, result: (id: string) => app.asyncResult(id) })
  await new Promise((resolve) => repl.once('exit', resolve))
  await app.close()
}
