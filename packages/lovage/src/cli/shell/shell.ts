import { once } from 'node:events'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { type REPLServer, start } from 'node:repl'
import { PassThrough } from 'node:stream'
import { promisify } from 'node:util'
import type { Lovage } from '../../app/index.js'
import type { AnyTask } from '../../app/tasks/index.js'

/** Opens a prompt and resolves when it is closed. */
export async function openShell(app: Lovage, options: { readonly quiet: boolean }): Promise<void> {
  const isTerminal = process.stdin.isTTY === true
  const input = isTerminal ? process.stdin : new PassThrough()
  const byShortName = shortNames(app.tasks)
  if (isTerminal && !options.quiet) {
    const names = Object.keys(byShortName).join(', ') || 'none'
    console.log(`app: ${app.main}, tasks: ${names}; also tasks['full.name'], AsyncResult(id)`)
  }
  const prompt = start({
    prompt: isTerminal ? '> ' : '',
    terminal: isTerminal,
    input,
    output: process.stdout,
    // In a separate context, arrays and objects would have other classes than tasks expect.
    useGlobal: true,
    ignoreUndefined: true,
  })
  const known = {
    ...byShortName,
    app,
    celery: app,
    tasks: Object.fromEntries([...app.tasks].map((task) => [task.name, task])),
    AsyncResult: (id: string) => app.asyncResult(id),
  }
  for (const [name, value] of Object.entries(known))
    Object.defineProperty(prompt.context, name, {
      value,
      configurable: true,
      enumerable: true,
      writable: true,
    })
  const closed = once(prompt, 'exit')
  if (input instanceof PassThrough) await feed(prompt, input)
  else await keepHistory(prompt)
  await closed
}

async function keepHistory(prompt: REPLServer): Promise<void> {
  const file = process.env.NODE_REPL_HISTORY ?? join(homedir(), '.node_repl_history')
  await promisify(prompt.setupHistory.bind(prompt))(file)
}

/** Feeds piped lines one by one: the prompt itself would start a line before the previous one's await is over. */
async function feed(prompt: REPLServer, input: PassThrough): Promise<void> {
  let onDone: (() => void) | undefined
  const evaluate = prompt.eval
  // Declared read-only, but replaceable by design: the prompt looks it up for each line.
  const replaceable = prompt as { eval: REPLServer['eval'] }
  replaceable.eval = function (this: REPLServer, code, context, file, callback) {
    evaluate.call(this, code, context, file, (error, result) => {
      callback(error, result)
      onDone?.()
    })
  }
  for await (const line of createInterface({ input: process.stdin })) {
    const done = new Promise<void>((resolve) => {
      onDone = resolve
    })
    input.write(`${line}\n`)
    if (line.trim() !== '') await done
  }
  input.end()
}

/** Tasks by the last part of their names, where that is an identifier and unique. */
function shortNames(all: Iterable<AnyTask>): Readonly<Record<string, AnyTask>> {
  const byName = new Map<string, AnyTask | undefined>()
  for (const task of all) {
    const short = task.name.slice(task.name.lastIndexOf('.') + 1)
    if (!/^[A-Za-z_$][\w$]*$/.test(short) || short in globalThis) continue
    byName.set(short, byName.has(short) ? undefined : task)
  }
  return Object.fromEntries([...byName].flatMap(([name, task]) => (task ? [[name, task]] : [])))
}
