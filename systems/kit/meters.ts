import { ConfigurationError } from 'lovage'

/** Labels of one series. */
export type MetricLabels = Readonly<Record<string, string>>

/** Something that is counted. */
export interface Counter {
  /** Adds `by`, default 1. */
  inc(labels?: MetricLabels, by?: number): void
}

/** Something that is measured again and again. */
export interface Histogram {
  observe(value: number, labels?: MetricLabels): void
}

/** A value that is read when somebody asks for metrics. */
export interface GaugeReading {
  readonly labels?: MetricLabels
  readonly value: number
}

interface Family {
  readonly help: string
  readonly type: 'counter' | 'gauge' | 'histogram'
  lines(): Promise<readonly string[]> | readonly string[]
}

const NAME = /^[a-zA-Z_:][\w:]*$/
/** Series of one metric beyond this are counted together, under labels that all say `other`. */
const MOST_SERIES = 1000
const BUCKETS = [0.005, 0.01, 0.05, 0.1, 0.5, 1, 3, 5, 10, 30, 60]

/**
 * Measures of a system's own, in Prometheus' text: `app.metricSources.push(() => meters.text())`. They are this process's: in pools of
 * children (`prefork`) what tasks count stays in their child.
 */
export class Meters {
  readonly #families = new Map<string, Family>()

  /** A number that grows. Asked for again by its name, it is the same one's name twice: an error. */
  counter(name: string, help: string): Counter {
    const series = new Map<string, number>()
    this.#add(name, {
      help,
      type: 'counter',
      lines: () => [...series].map(([key, value]) => `${name}${key} ${value}`),
    })
    return {
      inc: (labels = {}, by = 1) => {
        const key = bounded(series, labels)
        series.set(key, (series.get(key) ?? 0) + by)
      },
    }
  }

  /** Values that are read at each scrape; a reading that fails leaves the metric out of that scrape. */
  gauge(
    name: string,
    help: string,
    read: () => Promise<readonly GaugeReading[]> | readonly GaugeReading[],
  ): void {
    this.#add(name, {
      help,
      type: 'gauge',
      lines: async () => (await read()).map(({ labels = {}, value }) => `${name}${keyOf(labels)} ${value}`),
    })
  }

  /** How values are spread over buckets; default from 5 ms to a minute, in seconds. */
  histogram(name: string, help: string, buckets: readonly number[] = BUCKETS): Histogram {
    const series = new Map<
      string,
      { readonly labels: MetricLabels; readonly counts: number[]; sum: number; count: number }
    >()
    this.#add(name, {
      help,
      type: 'histogram',
      lines: () =>
        [...series.values()].flatMap(({ labels, counts, sum, count }) => [
          ...buckets.map(
            (le, at) => `${name}_bucket${keyOf({ ...labels, le: String(le) })} ${counts[at] ?? 0}`,
          ),
          `${name}_bucket${keyOf({ ...labels, le: '+Inf' })} ${count}`,
          `${name}_sum${keyOf(labels)} ${sum}`,
          `${name}_count${keyOf(labels)} ${count}`,
        ]),
    })
    return {
      observe: (value, labels = {}) => {
        const key = bounded(series, labels)
        const known = series.get(key) ?? {
          labels: key === keyOf(labels) ? labels : others(labels),
          counts: buckets.map(() => 0),
          sum: 0,
          count: 0,
        }
        series.set(key, known)
        for (const [at, le] of buckets.entries())
          if (value <= le) known.counts[at] = (known.counts[at] ?? 0) + 1
        known.sum += value
        known.count++
      },
    }
  }

  /** All of them in Prometheus' text format; `onError` is told of a gauge that could not be read. */
  async text(onError: (name: string, error: unknown) => void = () => {}): Promise<string> {
    const parts = await Promise.all(
      [...this.#families].map(async ([name, family]) => {
        try {
          return [
            `# HELP ${name} ${family.help}`,
            `# TYPE ${name} ${family.type}`,
            ...(await family.lines()),
            '',
          ].join('\n')
        } catch (error) {
          onError(name, error)
          return ''
        }
      }),
    )
    return parts.join('')
  }

  #add(name: string, family: Family): void {
    if (!NAME.test(name) || this.#families.has(name))
      throw new ConfigurationError(
        this.#families.has(name)
          ? `There is a metric ${name} already.`
          : `${JSON.stringify(name)} is not a valid metric name.`,
        { code: 'LVG_CONFIG_INVALID' },
      )
    this.#families.set(name, family)
  }
}

/** The key of a series; beyond the bound that of all others. */
function bounded(series: ReadonlyMap<string, unknown>, labels: MetricLabels): string {
  const key = keyOf(labels)
  return series.has(key) || series.size < MOST_SERIES ? key : keyOf(others(labels))
}

const others = (labels: MetricLabels): MetricLabels =>
  Object.fromEntries(Object.keys(labels).map((name) => [name, 'other']))

function keyOf(labels: MetricLabels): string {
  const parts = Object.entries(labels).map(
    ([name, value]) =>
      `${name}="${value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')}"`,
  )
  return parts.length === 0 ? '' : `{${parts.join(',')}}`
}
