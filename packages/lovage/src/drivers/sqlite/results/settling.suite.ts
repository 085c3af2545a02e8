import { defineProgram } from '../file/index.js'
import joins, { type Arrivals, type JoinRow } from './joins-program.js'

/** A program for the tests of this room: it settles members as a broker in the same file does. */
export default defineProgram({
  name: 'settling',
  migrations: [new URL('./settling.suite.sql', import.meta.url)],
  open(connection, host) {
    const settle = connection.prepare('INSERT INTO settled (task_id) VALUES (?)')
    const settled = connection.prepare('SELECT task_id FROM settled')
    return {
      writes: {
        settle(arrivals: Arrivals): JoinRow[] {
          for (const { taskId } of arrivals.parts) settle.run([taskId])
          const completed = host.use(joins).arrive(arrivals)
          if (arrivals.parts.some(({ resultJson }) => resultJson === '"bad"')) throw new Error('refused')
          return completed
        },
      },
      reads: { settled: (_: undefined): string[] => settled.all<[string]>([]).map(([id]) => id) },
    }
  },
})
