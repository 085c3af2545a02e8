import type { AppCore } from '../app/core/index.js'
import type { CallOptions } from '../app/tasks/index.js'
import { READY_STATES } from '../result/index.js'
import type { BeatSender } from './sender.js'

/** Sends the runs of entries as calls of an app. */
export function appSender(app: AppCore): BeatSender {
  return {
    async send(tasks) {
      await app.calls.sendAll(
        tasks.map(({ entry, task, id, args, kwargs, options, once }) => {
          // A store keeps what `applyAsync` takes; its fields were checked when they were written.
          const given = options as CallOptions
          return {
            task,
            args,
            kwargs,
            options: {
              ...given,
              taskId: id,
              headers: { ...given.headers, periodic_task_name: entry },
              ...(once ? { once } : {}),
            },
            defaults: app.tasks.get(task)?.definition.own ?? {},
          }
        }),
      )
    },
    async unfinished(ids) {
      const results = await (await app.results()).get(ids)
      const finished = new Set(results.filter(({ state }) => READY_STATES.has(state)).map(({ id }) => id))
      return new Set(ids.filter((id) => !finished.has(id)))
    },
  }
}
