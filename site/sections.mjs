import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const DECISIONS = 'docs/decisions'

// The sections of the site, in the order of the sidebar: [title, pages], each page by its file from the root and its place on the site.
export const SECTIONS = [
  ['Start', [
    ['docs/start/what-it-is.md', 'What Lovage is'],
    ['docs/start/first-task.md', 'First task in five minutes'],
    ['docs/start/embedded-store.md', 'The embedded store'],
    ['docs/start/adding-redis.md', 'Adding Redis'],
  ]],
  ['Learn', [
    ['docs/learn/defining-tasks.md', 'Defining tasks'],
    ['docs/learn/calling-tasks.md', 'Calling tasks'],
    ['docs/learn/retries.md', 'Retries'],
    ['docs/learn/results.md', 'Results'],
    ['docs/learn/errors.md', 'Errors'],
    ['docs/learn/testing.md', 'Testing'],
  ]],
  ['Guides', [
    ['docs/guides/workers.md', 'Workers'],
    ['docs/guides/schedules.md', 'Periodic tasks'],
    ['docs/guides/canvas.md', 'Canvas'],
    ['docs/guides/queues.md', 'Inspecting queues'],
    ['docs/guides/dead-letters.md', 'Dead letters'],
    ['docs/guides/resilience.md', 'Resilience'],
    ['docs/guides/remote-control.md', 'Remote control'],
    ['docs/guides/rabbitmq.md', 'On RabbitMQ'],
    ['docs/guides/signing.md', 'Signed messages'],
    ['docs/guides/large-payloads.md', 'Large payloads'],
    ['docs/guides/encryption.md', 'Encrypted arguments'],
  ]],
  ['Beside Python', [
    ['docs/guides/beside-python.md', 'Joining a Celery fleet'],
    ['docs/guides/differences.md', 'What differs'],
    ['docs/reference/celery.md', 'Celery, feature by feature'],
    ['docs/internals/wire.md', 'Wire formats'],
  ]],
  ['Coming from', [
    ['docs/from/bullmq.md', 'BullMQ'],
    ['docs/from/pg-boss.md', 'pg-boss and graphile-worker'],
  ]],
  ['Operate', [
    ['docs/operate/deploy.md', 'Deploy'],
    ['docs/operate/monitoring.md', 'Observe'],
    ['docs/operate/scaling.md', 'Scale'],
    ['docs/operate/handbook.md', 'Handbook'],
    ['docs/operate/troubleshooting.md', 'Troubleshooting by symptom'],
    ['docs/operate/redis.md', 'Redis'],
    ['docs/operate/rabbitmq.md', 'RabbitMQ'],
    ['docs/operate/postgresql.md', 'PostgreSQL'],
    ['docs/operate/rpc.md', 'Results by rpc'],
    ['docs/operate/dashboard.md', 'The dashboard'],
    ['docs/operate/flower.md', "In Flower's place"],
  ]],
  ['Webhooks', [
    ['docs/webhooks/quickstart.md', 'Quick start'],
    ['docs/webhooks/concepts.md', 'Concepts'],
    ['docs/webhooks/receivers.md', 'For receivers'],
    ['docs/webhooks/operations.md', 'Operations'],
  ]],
  ['Reference', [
    ['docs/reference/settings.md', 'Settings'],
    ['docs/reference/cli.md', 'Commands'],
    ['docs/errors.md', 'Errors'],
    ['docs/reference/redis-keys.md', 'Keys on Redis'],
    ['site/api/index.md', 'API'],
  ]],
  ['Internals', [
    ['docs/internals.md', 'How it runs'],
    ['docs/internals/live-parts.md', 'Live parts'],
    ['ARCHITECTURE.md', 'Architecture'],
    ['CONTRIBUTING.md', 'Contributing'],
    ['CHANGELOG.md', 'Changelog'],
  ]],
  ['Decisions', decisions()],
] // biome-ignore format: a table

/** Where a file of the repository stands on the site, relative to its root: `docs/` is left out, the API stands in the reference. */
export function placeOf(file) {
  if (file === 'README.md') return 'index.md'
  if (file.startsWith('docs/')) return file.slice('docs/'.length)
  if (file.startsWith('site/api/')) return `reference/api/${file.slice('site/api/'.length)}`
  if (!file.includes('/')) return `internals/${file.toLowerCase()}`
  return file.toLowerCase().replace(/readme\.md$/, 'index.md')
}

/** Every decision, by its heading: a new page needs no line here. */
function decisions() {
  const folder = fileURLToPath(new URL(`../${DECISIONS}/`, import.meta.url))
  return readdirSync(folder)
    .filter((file) => file.endsWith('.md'))
    .sort()
    .map((file) => {
      const heading = /^# (.+)$/m.exec(readFileSync(folder + file, 'utf8'))?.[1] ?? file
      return [`${DECISIONS}/${file}`, heading.replaceAll('`', '')]
    })
}
