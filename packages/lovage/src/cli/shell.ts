import { once } from 'node:events'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { start } from 'node:repl'
import { promisify } from 'node:util'
import { type AnyTask, AsyncResult, type Lovage } from '../app/index.js'

/** Opens a prompt and resolves when it is closed. */
export async function openShell(app: Lovage, options: { readonly quiet: boolean }): Promise<void> {
  const tasks = Object.fromEntries([...app.tasks].map((task) => [task.name, task]))
  const byShortName = shortNames(app.tasks)
  const isTerminal = process.stdin.isTTY === true
  if (isTerminal && !options.quiet) {
    const names = Object.keys(byShortName)
    console.log(
      `app: ${app.main}, tasks: ${names.length === 0 ? 'none' : names.join(', ')}; also tasks['full.name'], AsyncResult(id)`,
    )
  }
  const prompt = start({
    prompt: isTerminal ? '> ' : '',
    terminal: isTerminal,
    useGlobal: true,
    ignoreUndefined: true,
  })
  const known = {
    ...byShortName,
    app,
    celery: app,
    tasks,
    // By id alone, as in Celery's shell.
    AsyncResult: (id: string) => new AsyncResult(id, app),
  }
  for (const [name, value] of Object.entries(known))
    Object.defineProperty(prompt.context, name, {
      value,
      configurable: true,
      enumerable: true,
      writable: true,
    })
  if (isTerminal) {
    const file = process.env.NODE_REPL_HISTORY ?? join(homedir(), '.node_repl_history')
    await promisify(prompt.setupHistory.bind(prompt))(file)
  }
  await once(prompt, 'exit')
}

/** Tasks by the last part of their names, where that is a word and only one task has it. */
function shortNames(all: Iterable<AnyTask>): Readonly<Record<string, AnyTask>> {
  const byName = new Map<string, AnyTask | undefined>()
  for (const task of all) {
    const short = task.name.slice(task.name.lastIndexOf('.') + 1)
    if (/^[A-Za-z_$][\w$]*$/.test(short) && !(short in globalThis))
      byName.set(short, byName.has(short) ? undefined : task)
  }
  return Object.fromEntries([...byName].flatMap(([name, task]) => (task ? [[name, task]] : [])))
}
