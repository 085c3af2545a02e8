import { together } from 'lovage'
import type { Sql } from 'lovage-systems-kit'
import { median, medianAbsoluteDeviation } from 'simple-statistics'
import { data } from '../data.js'

/** What is measured at each check. */
export type Measure = 'duration_ms' | 'bytes'
const MEASURES: readonly Measure[] = ['duration_ms', 'bytes']

/** Fewer checks than this teach nothing. */
const FEWEST = 20
/** The newest checks that are learnt from. */
const MOST = 5000
/** A value so many spreads away from the middle is unusual. */
const UNUSUAL = 6
/** Makes the median absolute deviation comparable with a standard deviation. */
const AS_DEVIATION = 1.4826

/** What is usual: robust against the outliers that it is to find. */
export interface Model {
  readonly centre: number
  readonly spread: number
}

/** Learns from a series; undefined when it is too short. */
export function train(series: readonly number[]): Model | undefined {
  if (series.length < FEWEST) return undefined
  const values = [...series]
  const centre = median(values)
  // A series that hardly moves would make every flicker an anomaly.
  const spread = Math.max(medianAbsoluteDeviation(values) * AS_DEVIATION, Math.abs(centre) * 0.05, 1)
  return { centre, spread }
}

/** How many spreads a value is away from what is usual. */
export const score = ({ centre, spread }: Model, value: number): number => Math.abs(value - centre) / spread

/** Learns for every monitor what its answers are like, and keeps it; tells for how many. */
export async function trainAll(db: Sql, nowMs: number): Promise<number> {
  const monitors = await db.query('SELECT id FROM monitors')
  let trained = 0
  for (const { id } of monitors) {
    const rows = await db.query<Record<Measure, number>>(
      'SELECT duration_ms, bytes FROM snapshots WHERE monitor_id = $1 AND status BETWEEN 200 AND 399 ORDER BY taken_ms DESC LIMIT $2',
      [String(id), MOST],
    )
    for (const measure of MEASURES) {
      const model = train(rows.map((row) => Number(row[measure])))
      if (!model) continue
      await db.query(
        `INSERT INTO models (monitor_id, measure, centre, spread, samples, trained_ms) VALUES ($1, $2, $3, $4, $5, $6)
         ON CONFLICT (monitor_id, measure) DO UPDATE SET centre = excluded.centre, spread = excluded.spread,
           samples = excluded.samples, trained_ms = excluded.trained_ms`,
        [String(id), measure, model.centre, model.spread, rows.length, nowMs],
      )
      trained++
    }
  }
  return trained
}

/** Says what is unusual about a check, by the newest model; undefined when nothing is, or nothing was learnt yet. */
export async function unusual(
  monitorId: string,
  seen: Readonly<Record<Measure, number>>,
): Promise<string | undefined> {
  const odd = (await modelsOf(monitorId)).flatMap(({ measure, centre, spread }) => {
    const name = MEASURES.find((each) => each === measure)
    if (!name) return []
    const spreads = score({ centre: Number(centre), spread: Number(spread) }, seen[name])
    return spreads > UNUSUAL
      ? [`${name} is ${seen[name]}, usual is ${Math.round(Number(centre))} ± ${Math.round(Number(spread))}`]
      : []
  })
  return odd.length > 0 ? odd.join('; ') : undefined
}

/** The models of a monitor; those that are looked for at the same time are one query. */
const modelsOf = together(
  async (ids: readonly string[]) => {
    const db = await data()
    const places = ids.map((_, index) => `$${index + 1}`).join(', ')
    const rows = await db.query(
      `SELECT monitor_id, measure, centre, spread FROM models WHERE monitor_id IN (${places})`,
      ids,
    )
    return ids.map((id) => rows.filter(({ monitor_id }) => monitor_id === id))
  },
  { retryAlone: true },
)
