import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Running, startCommand } from './command.js'
import type { Places, Stage } from './stage.js'

/** A stage, and what the runner alone does with it. */
export interface OpenStage extends Stage {
  readonly shown: ReadonlyMap<string, string>
  /** Ends all processes, then undoes what was done. */
  close(): Promise<void>
}

/** Makes a stage for the system of a folder. What is not placed elsewhere lies in a temporary folder. `onOutput` is told what commands write. */
export async function openStage(
  systemFolder: string,
  given: Partial<Places>,
  onOutput?: (text: string) => void,
): Promise<OpenStage> {
  const folder = await mkdtemp(join(tmpdir(), 'lovage-system-'))
  const broker = given.broker ?? `sqlite://${join(folder, 'queue.db')}`
  const database = given.database ?? `sqlite://${join(folder, 'data.db')}`
  const places: Places = { broker, database, backend: given.backend ?? backendOf(broker, given.database) }
  const env: Record<string, string> = {}
  const running = new Set<Running>()
  const stops: (() => unknown)[] = []
  const shown = new Map<string, string>()
  const startedAt = performance.now()

  const say = (line: string): void => {
    console.log(`${((performance.now() - startedAt) / 1000).toFixed(1).padStart(5)} s  ${line}`)
  }
  const begin = (commandLine: string): Running => {
    say(`$ ${commandLine}`)
    const [program, ...words] = commandLine.split(/\s+/)
    if (program !== 'celery') throw new Error(`a stage starts celery, not ${program}`)
    const command = startCommand(words, systemFolder, env, onOutput)
    running.add(command)
    void command.exited.then(() => running.delete(command))
    return command
  }
  return {
    folder,
    places,
    shown,
    say,
    set(more) {
      Object.assign(env, more)
      Object.assign(process.env, more)
    },
    async start(commandLine) {
      const command = begin(commandLine)
      await command.says(/ ready|beat: Starting/)
      return command
    },
    async run(commandLine) {
      const command = begin(commandLine)
      const code = await command.exited
      if (code !== 0) throw new Error(`${commandLine} ended with ${code}:\n${command.output()}`)
      return command.output()
    },
    show: (name, url) => void shown.set(name, url),
    after: (stop) => void stops.unshift(stop),
    async close() {
      for (const command of running) command.kill('SIGTERM')
      const late = setTimeout(() => {
        for (const command of running) command.kill('SIGKILL')
      }, 20_000)
      await Promise.all([...running].map(({ exited }) => exited))
      clearTimeout(late)
      for (const stop of stops) await stop()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

/** Results lie in the database that was named, else beside the messages. */
function backendOf(broker: string, database: string | undefined): string {
  if (database?.startsWith('postgres')) return `db+${database}`
  return broker.startsWith('amqp') ? 'rpc://' : broker
}
