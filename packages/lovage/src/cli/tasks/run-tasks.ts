import { confirm } from '../shared/confirm.js'
import { EXIT } from '../shared/exit-codes.js'
import { loadDashboard } from '../shared/load-dashboard.js'

/** The options of `tasks`. */
interface TasksCommandOptions {
  readonly url: string
  readonly fleet?: string
  readonly limit: number
  readonly json?: boolean
  readonly do?: string
  readonly force?: boolean
}

/** Queries a dashboard; resolves to the exit code. */
export async function runTasksCommand(
  search: string,
  { url, fleet, limit, json = false, do: action, force = false }: TasksCommandOptions,
): Promise<number> {
  const { runTasks } = await loadDashboard()
  const isDone = await runTasks({
    url,
    search,
    limit,
    json,
    ...(fleet === undefined ? {} : { fleet }),
    ...(action === undefined ? {} : { action }),
    confirm: async (question) => force || (await confirm(question)),
    write: (line) => void process.stdout.write(`${line}\n`),
  })
  return isDone ? EXIT.ok : EXIT.failed
}
