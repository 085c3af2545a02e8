import { SYSTEMS } from './systems.mjs'

/** Alerts of each system, beside those of every worker in prometheus_alerts.yml. */
const ALERTS = {
  'learning-time': [
    [
      'EnrichmentBacklog',
      'max(celery_queue_length{queue_name="edx.lms.core.webhook_enrichment"}) > 100',
      '0m',
      'More than 100 completions wait to be enriched',
      '{{ $value }} wait: add enrichment workers.',
    ],
    [
      'EnrichmentSlow',
      'histogram_quantile(0.95, sum by (le) (rate(celery_task_duration_seconds_bucket{task_name="channel_integrations.integrated_channel.tasks.enrich_and_send_completion_webhook"}[10m]))) > 5',
      '5m',
      'Enrichment takes more than 5 s',
      'The slowest 5 % take {{ printf "%.1f" $value }} s.',
    ],
    [
      'EnrichmentErrors',
      'sum(increase(webhook_enrichment_total{outcome="error"}[30m])) / sum(increase(webhook_enrichment_total[30m])) > 0.01',
      '0m',
      'More than 1 % of completions go out without learning time',
      '{{ $value | humanizePercentage }} of enrichments failed: celery -A lms.celery doctor.',
    ],
    [
      'WarehouseSlow',
      'histogram_quantile(0.95, sum by (le) (rate(snowflake_query_duration_seconds_bucket[10m]))) > 3',
      '5m',
      'The warehouse takes more than 3 s',
      'The slowest 5 % of queries take {{ printf "%.1f" $value }} s.',
    ],
  ],
  'webhook-delivery': [
    [
      'DeliveriesFail',
      'sum(rate(celery_task_total{task_name="webhooks.deliver_event",status=~"failure|retry"}[10m])) / sum(rate(celery_task_total{task_name="webhooks.deliver_event"}[10m])) > 0.2',
      '10m',
      'One delivery in five fails',
      '{{ $value | humanizePercentage }} of deliveries fail: which endpoints are down?',
    ],
    [
      'SweeperSilent',
      'sum(increase(celery_task_total{task_name="webhooks.retry_failed_deliveries"}[20m])) == 0',
      '5m',
      'Failed deliveries are not taken up',
      'webhooks.retry_failed_deliveries has not run for 20 minutes: does a beat run?',
    ],
  ],
  datacleanup: [
    [
      'BillingFails',
      'sum by (task_name) (increase(celery_task_total{task_name=~"app.tasks.billing_tasks.*",status="failure"}[1h])) > 0',
      '0m',
      'A billing task has failed for good',
      '{{ $labels.task_name }}: see the dead letters of the queue billing.',
    ],
    [
      'WebhooksOfStripeWait',
      'sum(increase(celery_task_total{task_name="app.tasks.billing_tasks.process_pending_webhooks"}[20m])) == 0',
      '5m',
      'Webhooks of Stripe are not dealt with',
      'process_pending_webhooks has not run for 20 minutes: does a beat run?',
    ],
  ],
  'task-platform': [
    [
      'FailuresKept',
      'sum(celery_dead_letter_queue_size) > 10',
      '0m',
      'More than 10 tasks have failed for good',
      '{{ $value }} wait in dead_letter_tasks for somebody to look.',
    ],
    [
      'RegisterDown',
      'max(celery_circuit_breaker_state{task_name="app.workers.kyb.check_counterparty"}) == 2',
      '2m',
      'The register of companies does not answer',
      'Nobody asks it for now; checks wait.',
    ],
  ],
  monitoring: [
    [
      'ChecksLate',
      'max(celery_queue_length{queue_name="normal"}) > 500',
      '5m',
      'More than 500 checks wait',
      '{{ $value }} wait at 10 a minute: raise CHECK_RATE, or look less often.',
    ],
    [
      'AlertsLate',
      'max(celery_queue_length{queue_name="high"}) > 30',
      '2m',
      'Alerts are told late',
      '{{ $value }} alerts wait.',
    ],
  ],
}

/** Rules by system, with a test for each. */
export function prometheusFiles() {
  const files = {}
  for (const { name } of SYSTEMS) {
    const rules = ALERTS[name].map(
      ([alert, expr, hold, summary, description]) => `      - alert: ${alert}
        expr: ${expr}
${hold === '0m' ? '' : `        for: ${hold}\n`}        labels: { severity: warning, system: ${name} }
        annotations:
          summary: ${JSON.stringify(summary)}
          description: ${JSON.stringify(description)}
`,
    )
    files[`prometheus/${name}.yml`] =
      `# Alerts of ${name}; those of every worker are in prometheus_alerts.yml. Made by deploy/make.
groups:
  - name: ${name.replaceAll('-', '_')}
    rules:
${rules.join('')}`
  }
  return files
}

/** What the boards show: the queues and tasks of a system, and what is its own. */
export const OWN_PANELS = {
  'learning-time': [
    [
      'Completions by what became of them',
      'sum by (outcome) (rate(webhook_enrichment_total[$__rate_interval]))',
      'ops',
      '{{outcome}}',
    ],
    [
      'Warehouse, slowest 5 %',
      'histogram_quantile(0.95, sum by (le) (rate(snowflake_query_duration_seconds_bucket[$__rate_interval])))',
      's',
      'p95',
    ],
    ['Cache', 'sum by (result) (rate(learning_time_cache_total[$__rate_interval]))', 'ops', '{{result}}'],
  ],
}
