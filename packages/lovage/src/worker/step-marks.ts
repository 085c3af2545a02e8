import type { AppCore } from '../app/core/index.js'
import type { StepStore } from '../app/tasks/index.js'

/** The space of marks that holds finished steps. */
const SPACE = 'steps'
const DAY_S = 86_400
/** After a success: by then, and a few leases, the message was settled, or has been run again. */
const LAST_MS = 60_000

/** Keeps finished steps in the app's coordination store, for as long as results are kept. */
export function stepMarks(app: AppCore): StepStore {
  const keyOf = (taskId: string, name: string): string => `${taskId} ${name}`
  return {
    async read(taskId, name) {
      const [mark] = await (await app.coordination()).list(SPACE, [keyOf(taskId, name)])
      return mark?.value
    },
    async readAll(taskId, names) {
      const marks = await (await app.coordination()).list(
        SPACE,
        names.map((name) => keyOf(taskId, name)),
      )
      return marks.map(({ value }) => value)
    },
    async keep(taskId, name, value) {
      const expiresMs = app.clock.now() + (app.conf.resultExpires || DAY_S) * 1000
      await (await app.coordination()).put(SPACE, [{ key: keyOf(taskId, name), value, expiresMs }])
    },
    async end(taskId, names) {
      const store = await app.coordination()
      const keys = names.map((name) => keyOf(taskId, name))
      const expiresMs = app.clock.now() + LAST_MS + 3 * app.conf.brokerLease * 1000
      await store.replace(
        SPACE,
        (await store.list(SPACE, keys)).map(({ key, value }) => ({
          was: value,
          mark: { key, value, expiresMs },
        })),
      )
    },
  }
}
