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
          // A store holds the options of `applyAsync`; its fields were checked when they were written.
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
      const known = new Set(results.flatMap(({ id, state }) => (state === 'PENDING' ? [] : [id])))
      const unfinished = results.filter(({ id, state }) => known.has(id) && !READY_STATES.has(state))
      // Without a result, it waits or is about to run if the broker still has it. If not, it was purged, its result has
      // expired, or another call was sent in its place: it will never report an end.
      const unknown = ids.filter((id) => !known.has(id))
      const { admin, capabilities } = await app.broker()
      const held = unknown.length > 0 && capabilities.browsing ? await admin.find(unknown) : []
      return new Set([...unfinished, ...held].map(({ id }) => id))
    },
  }
}
