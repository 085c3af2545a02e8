import { type Command, textOf, textsOf, timeOf, UsageError } from '../shared/command.js'
import { statesOf } from './deliveries.js'

/** `lovage-webhooks replay`. */
export const replay: Command = {
  name: 'replay',
  summary: 'makes one more attempt of deliveries, with the same webhook-id',
  forms: ['ID…', '--endpoint ID --since TIME'],
  options: {
    endpoint: { type: 'string', value: 'ID', help: 'all of this endpoint, from a period' },
    since: {
      type: 'string',
      value: 'TIME',
      help: 'from this time (2026-01-31T10:00:00Z), or so long ago (2h)',
    },
    until: { type: 'string', value: 'TIME', help: 'before this time (default: now)' },
    state: {
      type: 'string',
      multiple: true,
      value: 'STATES',
      help: 'in these states (default: exhausted,cancelled,failed)',
    },
  },
  examples: ['replay dlv_…', 'replay --endpoint ep_… --since 2h'],
  async run({ hooks, words, given, tenant, out }) {
    const endpointId = textOf(given, 'endpoint')
    if (endpointId === undefined) {
      if (words.length === 0)
        throw new UsageError('Name deliveries, or an endpoint and a time: --endpoint ID --since TIME.')
      for (const id of words) await hooks.deliveries.replay(id, { tenant })
      out.say(
        `${words.length === 1 ? 'It is' : `${words.length} are`} on the way; a worker makes the attempts.`,
      )
      return
    }
    const nowMs = hooks.app.clock.now()
    const sinceMs = timeOf(given, 'since', nowMs)
    if (sinceMs === undefined) throw new UsageError('--since is missing: a time, or an age such as 2h.')
    const [untilMs, states] = [timeOf(given, 'until', nowMs), statesOf(textsOf(given, 'state'))]
    const taskId = await hooks.deliveries.replayAll({
      tenant,
      endpointId,
      sinceMs,
      ...(untilMs === undefined ? {} : { untilMs }),
      ...(states === undefined ? {} : { states }),
    })
    out.value({ taskId }, taskId)
    out.say('A worker replays them, in batches of 100.')
  },
}
