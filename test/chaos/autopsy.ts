import type { Lovage } from 'lovage'
import { coreOf } from '../../packages/lovage/src/app/core/index.js'
import type { Place } from './places.js'

/** For each task without its value: its state in the results, and its dead letters; then what the queues hold. */
export async function autopsy(app: Lovage, place: Place, lost: readonly string[]): Promise<string> {
  if (lost.length === 0) return ''
  const core = coreOf(app)
  const [results, broker] = [await core.results(), await core.broker()]
  const records = new Map((await results.get(lost)).map((record) => [record.id, record]))
  const letters = (await broker.deadLetters.list({ limit: 10_000 })).items
  const lines = lost.map((id) => {
    const record = records.get(id)
    const own = letters
      .filter(({ taskId }) => taskId === id)
      .map(({ queue, reason }) => `${reason} of ${queue}`)
    return `${id}: ${record?.state ?? 'no result'} ${JSON.stringify(record?.result) ?? ''}; letters: ${own.join(', ') || 'none'}`
  })
  const depths = await broker.depths(['celery'], { unacked: true })
  return [
    ...lines,
    `depths: ${JSON.stringify(depths.get('celery'))}`,
    `letters: ${JSON.stringify([...(await broker.deadLetters.count())])}`,
    `queues: ${JSON.stringify(await place.look?.())}`,
  ].join('\n')
}
