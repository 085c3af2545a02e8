/**
 * Metrics of an app's own, in Prometheus text format, collected each time a worker is asked for its metrics: `app.metricSources.push(() =>
 * register.metrics())`. Names must differ from the worker's own. A source that throws is left out and logged.
 */
export type MetricSource = () => string | Promise<string>
