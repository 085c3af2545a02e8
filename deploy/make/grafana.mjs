import { OWN_PANELS } from './prometheus.mjs'
import { SYSTEMS } from './systems.mjs'

/** A board a system. */
export function grafanaFiles() {
  return Object.fromEntries(
    SYSTEMS.map((system) => [`grafana/${system.name}.json`, `${JSON.stringify(board(system), null, 2)}\n`]),
  )
}

function board({ name, workers }) {
  const queues = workers
    .flatMap((worker) => worker.queues)
    .map((queue) => queue.replaceAll('.', '\\\\.'))
    .join('|')
  const panels = [
    [
      'Waiting, by queue',
      `max by (queue_name) (celery_queue_length{queue_name=~"${queues}"})`,
      'short',
      '{{queue_name}}',
    ],
    [
      'Running',
      `sum by (queue_name) (celery_active_tasks{queue_name=~"${queues}"})`,
      'short',
      '{{queue_name}}',
    ],
    [
      'Runs a second, by end',
      'sum by (status) (rate(celery_task_total[$__rate_interval]))',
      'ops',
      '{{status}}',
    ],
    [
      'Slowest 5 %, by task',
      'histogram_quantile(0.95, sum by (le, task_name) (rate(celery_task_duration_seconds_bucket[$__rate_interval])))',
      's',
      '{{task_name}}',
    ],
    [
      'Retries a second',
      'sum by (task_name) (rate(celery_task_retries_total[$__rate_interval]))',
      'ops',
      '{{task_name}}',
    ],
    [
      'Dead letters',
      `max by (queue_name) (celery_dead_letter_queue_size{queue_name=~"${queues}"})`,
      'short',
      '{{queue_name}}',
    ],
    ...(OWN_PANELS[name] ?? []),
  ]
  const datasource = { type: 'prometheus', uid: '$' + '{datasource}' }
  return {
    title: `Lovage: ${name}`,
    uid: `lovage-${name}`,
    schemaVersion: 38,
    version: 1,
    editable: true,
    refresh: '10s',
    time: { from: 'now-1h', to: 'now' },
    tags: ['celery', 'lovage', name],
    templating: {
      list: [{ name: 'datasource', type: 'datasource', query: 'prometheus', label: 'Data source' }],
    },
    panels: panels.map(([title, expr, unit, legendFormat], index) => ({
      id: index + 1,
      title,
      type: 'timeseries',
      datasource,
      gridPos: { h: 8, w: 12, x: (index % 2) * 12, y: Math.floor(index / 2) * 8 },
      fieldConfig: { defaults: { unit }, overrides: [] },
      targets: [{ refId: 'A', expr, legendFormat, datasource }],
    })),
  }
}
