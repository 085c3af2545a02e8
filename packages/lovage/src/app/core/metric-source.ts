/**
 * Measures of an app's own, in Prometheus' text, each time that a worker is asked for its metrics: `app.metricSources.push(() =>
 * register.metrics())`. Names must be other than those of the worker's own. One that throws is left out, and the log says so.
 */
export type MetricSource = () => string | Promise<string>
