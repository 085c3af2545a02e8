/** Seconds; the objectives of 1, 3, 5 and 10 s are among them. */
const BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 3, 5, 10, 30, 60, 300, 900, 1800]

interface Tally {
  readonly ended: Map<string, number>
  /** Runs per bucket, not cumulative; the last bucket is unbounded. */
  readonly durations: number[]
  runs: number
  seconds: number
  retries: number
}

/**
 * Outcomes of runs, by task. Every task pays for the counting, so it is one lookup and three additions; Prometheus text is built on
 * request.
 */
export class TaskTallies {
  readonly #tallies = new Map<string, Tally>()

  /** Counts the end of a run, or of a task that was not run. */
  ended(task: string, status: string): void {
    const { ended } = this.#of(task)
    ended.set(status, (ended.get(status) ?? 0) + 1)
  }
  /** Counts a run's duration. */
  took(task: string, seconds: number): void {
    const tally = this.#of(task)
    let bucket = 0
    while (bucket < BUCKETS.length && seconds > (BUCKETS[bucket] ?? 0)) bucket++
    tally.durations[bucket] = (tally.durations[bucket] ?? 0) + 1
    tally.runs++
    tally.seconds += seconds
  }
  /** Counts a retry. */
  retried(task: string): void {
    this.#of(task).retries++
  }

  /** The metrics in Prometheus text format. */
  text(): string {
    const tallies = [...this.#tallies].map(([task, tally]) => [escaped(task), tally] as const)
    return [
      ...head('celery_task_total', 'counter', 'Finished task runs, by outcome.'),
      ...tallies.flatMap(([task, { ended }]) =>
        [...ended].map(
          ([status, count]) => `celery_task_total{task_name="${task}",status="${status}"} ${count}`,
        ),
      ),
      ...head('celery_task_duration_seconds', 'histogram', 'Duration of task runs.'),
      ...tallies.flatMap(([task, tally]) => (tally.runs > 0 ? histogram(task, tally) : [])),
      ...head('celery_task_retries_total', 'counter', 'Task runs that will be retried.'),
      ...tallies.flatMap(([task, { retries }]) =>
        retries > 0 ? [`celery_task_retries_total{task_name="${task}"} ${retries}`] : [],
      ),
      '',
    ].join('\n')
  }

  #of(task: string): Tally {
    const known = this.#tallies.get(task)
    if (known) return known
    const tally = { ended: new Map(), durations: [], runs: 0, seconds: 0, retries: 0 }
    this.#tallies.set(task, tally)
    return tally
  }
}

const head = (name: string, type: string, help: string): readonly string[] => [
  `# HELP ${name} ${help}`,
  `# TYPE ${name} ${type}`,
]

function histogram(task: string, { durations, runs, seconds }: Tally): readonly string[] {
  const name = 'celery_task_duration_seconds'
  let below = 0
  const buckets = BUCKETS.map((bound, place) => {
    below += durations[place] ?? 0
    return `${name}_bucket{le="${bound}",task_name="${task}"} ${below}`
  })
  return [
    ...buckets,
    `${name}_bucket{le="+Inf",task_name="${task}"} ${runs}`,
    `${name}_sum{task_name="${task}"} ${seconds}`,
    `${name}_count{task_name="${task}"} ${runs}`,
  ]
}

const escaped = (value: string): string =>
  value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')
