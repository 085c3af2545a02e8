import { describe, expect, test } from 'vitest'
import { silentLogger } from '../../kernel/index.js'
import { Lovage } from '../index.js'
import { CELERY_NAMES, OLD_NAMES } from './celery-names.data.js'
import { foreignSetting } from './foreign.js'
import { inertWarnings, settingName, settingsFrom } from './sources.js'
import { SETTINGS } from './table.js'

const isKnown = (name: string): boolean => Object.hasOwn(SETTINGS, name) || foreignSetting(name) !== undefined

describe('settings of Celery', () => {
  test('all are known, under every spelling', () => {
    expect(CELERY_NAMES.length).toBeGreaterThan(180)
    for (const name of CELERY_NAMES) {
      const here = settingName(name)
      expect([name, isKnown(here)]).toEqual([name, true])
      expect([name, settingName(name.toUpperCase())]).toEqual([name, here])
      expect([name, settingName(`CELERY_${name.toUpperCase()}`, 'CELERY')]).toEqual([name, here])
    }
  })

  test('names of before Celery 4 are what has come in their place', () => {
    for (const [old, name] of OLD_NAMES) expect([old, settingName(old)]).toEqual([old, settingName(name)])
  })

  test('those without effect say so, once and why', () => {
    const given = settingsFrom({
      s3_bucket: 'b',
      redis_host: 'h',
      database_table_names: {},
      worker_timer: null,
    })
    expect(inertWarnings(given)).toEqual([
      'Setting s3Bucket has no effect here: results cannot be stored there (s3).',
      'Setting redisHost has no effect here: it is part of resultBackend.',
      expect.stringMatching(/^Setting databaseTableNames has no effect here/),
      'Setting workerTimer has no effect here: it names a Python class.',
    ])
    expect(() => settingsFrom({ s3: 1 })).toThrow(/not known/)
    expect(() => settingsFrom({ redis_hostt: 'h' })).toThrow(/not known/)
  })

  test('None is taken where Celery takes it, and is an error elsewhere', () => {
    const none = (name: string): unknown => Object.values(settingsFrom({ [name]: null }))
    for (const name of ['broker_heartbeat', 'broker_connection_max_retries', 'result_expires'])
      expect([name, none(name)]).toEqual([name, [0]])
    for (const name of [
      'broker_pool_limit',
      'task_queues',
      'task_routes',
      'task_annotations',
      'timezone',
      'imports',
    ])
      expect([name, none(name)]).toEqual([name, []])
    for (const name of ['task_always_eager', 'task_track_started', 'worker_send_task_events'])
      expect([name, none(name)]).toEqual([name, [false]])
    expect(() => none('task_default_queue')).toThrow(/taskDefaultQueue expects text, not null/)
  })

  test('other forms of values are taken for what they mean', () => {
    const read = (given: object): object => settingsFrom(given)
    expect(read({ broker_use_ssl: true })).toEqual({ brokerUseSsl: {} })
    expect(read({ broker_use_ssl: false })).toEqual({})
    expect(read({ task_default_delivery_mode: 1 })).toEqual({ taskDefaultDeliveryMode: 'transient' })
    expect(read({ task_always_eager: 1, task_ignore_result: 0 })).toEqual({
      taskAlwaysEager: true,
      taskIgnoreResult: false,
    })
    expect(read({ broker_url: ['amqp://a//', 'amqp://b//'] })).toEqual({ brokerUrl: 'amqp://a//;amqp://b//' })
    const sentinels = 'sentinel://a:26379;sentinel://b:26379'
    for (const nodes of [
      sentinels,
      'redis+cluster://a:1;redis+cluster://b:2',
      'valkeys+cluster://a;valkeys+cluster://b',
    ])
      expect(read({ broker_url: nodes })).toEqual({ brokerUrl: nodes })
    for (const several of [
      ['redis://a', 'redis://:secret@b'],
      'redis://a/0;redis://:secret@b/0',
      ['amqp://a', 'redis://:secret@b'],
      'sqlite://a.db;redis://:secret@b',
    ])
      expect(() => read({ broker_url: several })).toThrow(
        /^Failover between several brokers works on RabbitMQ, not with (?!.*secret).*each holds other tasks/,
      )
    expect(read({ broker_url: ['redis://a/0'] })).toEqual({ brokerUrl: 'redis://a/0' })
    expect(() => read({ broker_url: ['redis://:secret@a', 'redis://b'] })).toThrow(
      /RabbitMQ, not with redis:\/\/… and redis:\/\/…:/,
    )
    expect(
      read({
        CELERY_QUEUES: {
          default: { binding_key: 'task.#' },
          mail: { exchange: 'm', exchange_type: 'topic', routing_key: 'mail.*' },
        },
      }),
    ).toEqual({
      taskQueues: [
        { name: 'default', routingKey: 'task.#' },
        { name: 'mail', exchange: 'm', exchangeType: 'topic', routingKey: 'mail.*' },
      ],
    })
  })

  /** Settings as public projects write them, values from many sources. */
  const PROJECTS: Readonly<Record<string, readonly [object, namespace?: string]>> = {
    'a Django project': [
      {
        CELERY_BROKER_URL: 'redis://redis:6379/0',
        CELERY_RESULT_BACKEND: 'redis://redis:6379/0',
        CELERY_ACCEPT_CONTENT: ['json'],
        CELERY_TASK_SERIALIZER: 'json',
        CELERY_RESULT_SERIALIZER: 'json',
        CELERY_RESULT_EXTENDED: true,
        CELERY_RESULT_BACKEND_ALWAYS_RETRY: true,
        CELERY_RESULT_BACKEND_MAX_RETRIES: 10,
        CELERY_TASK_TIME_LIMIT: 300,
        CELERY_TASK_SOFT_TIME_LIMIT: 60,
        CELERY_BEAT_SCHEDULER: 'django_celery_beat.schedulers:DatabaseScheduler',
        CELERY_WORKER_SEND_TASK_EVENTS: true,
        CELERY_TASK_SEND_SENT_EVENT: true,
        CELERY_WORKER_HIJACK_ROOT_LOGGER: false,
        CELERY_TIMEZONE: 'UTC',
        DEBUG: false,
      },
      'CELERY',
    ],
    'a hosted RabbitMQ': [
      {
        broker_url: 'amqps://u:p@host/vhost',
        broker_pool_limit: 1,
        broker_heartbeat: null,
        broker_connection_timeout: 30,
        result_backend: null,
        event_queue_expires: 60,
        worker_prefetch_multiplier: 1,
        worker_concurrency: 50,
      },
    ],
    'a hosted Redis': [
      {
        broker_url: 'rediss://:p@host:6380?ssl_cert_reqs=none',
        redis_max_connections: 20,
        broker_transport_options: {
          visibility_timeout: 3600,
          max_connections: 20,
          socket_keepalive: true,
          health_check_interval: 30,
        },
        redis_socket_keepalive: true,
        redis_retry_on_timeout: true,
        redis_backend_health_check_interval: 30,
      },
    ],
    'an old project': [
      {
        BROKER_URL: 'redis://localhost:6379//',
        CELERY_RESULT_BACKEND: 'redis://localhost:6379/0',
        CELERYD_CONCURRENCY: 4,
        CELERYD_PREFETCH_MULTIPLIER: 1,
        CELERY_ALWAYS_EAGER: false,
        CELERY_EAGER_PROPAGATES_EXCEPTIONS: true,
        CELERY_IGNORE_RESULT: true,
        CELERY_DISABLE_RATE_LIMITS: true,
        CELERY_SEND_TASK_SENT_EVENT: true,
        CELERY_MESSAGE_COMPRESSION: 'gzip',
        CELERYD_HIJACK_ROOT_LOGGER: false,
        CELERYBEAT_SCHEDULE_FILENAME: '/var/run/beat',
      },
    ],
    'queues by dictionaries': [
      {
        task_default_queue: 'default',
        task_default_exchange: 'tasks',
        task_default_exchange_type: 'topic',
        task_default_routing_key: 'task.default',
        task_queues: { default: { binding_key: 'task.#' }, video: { binding_key: 'video.#' } },
        task_routes: { 'video.*': { queue: 'video', routing_key: 'video.encode' } },
      },
    ],
    'an analytics server': [
      {
        broker_url: 'redis://localhost:6379/0',
        imports: ['reports.tasks', 'cache.tasks'],
        result_backend: 'redis://localhost:6379/0',
        worker_prefetch_multiplier: 10,
        task_acks_late: true,
        task_annotations: { 'sql_lab.get_sql_results': { rate_limit: '100/s' } },
        worker_log_format: '%(message)s',
        beat_schedule: {},
      },
    ],
    'a workflow scheduler': [
      {
        accept_content: ['json'],
        event_serializer: 'json',
        worker_prefetch_multiplier: 1,
        task_acks_late: true,
        task_default_queue: 'default',
        task_default_exchange: 'default',
        task_track_started: true,
        broker_url: 'redis://redis:6379/0',
        broker_transport_options: { visibility_timeout: 86400 },
        broker_connection_retry_on_startup: true,
        result_backend: 'db+postgresql://a:b@postgres/airflow',
        database_engine_options: {},
        worker_concurrency: 16,
        worker_enable_remote_control: true,
      },
    ],
    'a learning platform': [
      {
        CELERY_BROKER_TRANSPORT: 'redis',
        CELERY_BROKER_URL: 'redis://localhost',
        CELERY_BROKER_VHOST: '',
        CELERY_BROKER_USE_SSL: false,
        CELERY_RESULT_BACKEND: null,
        CELERY_STORE_ERRORS_EVEN_IF_IGNORED: true,
        CELERY_CREATE_MISSING_QUEUES: true,
        CELERY_DEFAULT_QUEUE: 'edx.default',
        CELERY_DEFAULT_ROUTING_KEY: 'edx.default',
        CELERY_DEFAULT_EXCHANGE: 'edx.core',
        CELERY_DEFAULT_EXCHANGE_TYPE: 'direct',
        CELERY_QUEUES: { 'edx.default': {}, 'edx.high': {} },
        CELERY_TRACK_STARTED: true,
        CELERY_SEND_EVENTS: true,
        CELERY_SEND_TASK_SENT_EVENT: true,
      },
    ],
    'results in Django': [
      {
        CELERY_RESULT_BACKEND: 'redis://localhost',
        CELERY_CACHE_BACKEND: 'default',
        CELERY_RESULT_EXPIRES: null,
        CELERY_TASK_TRACK_STARTED: 1,
        CELERY_BROKER_CONNECTION_MAX_RETRIES: null,
        CELERY_ENABLE_UTC: true,
      },
      'CELERY',
    ],
    'names of 5.6 and 5.7': [
      {
        task_create_missing_queue_type: 'quorum',
        task_create_missing_queue_exchange_type: 'topic',
        task_acks_on_failure: true,
        task_acks_on_timeout: false,
        broker_pool_acquire_timeout: 5,
        broker_channel_error_retry: true,
        worker_enable_prefetch_count_reduction: true,
        worker_soft_shutdown_timeout: 10,
        worker_enable_soft_shutdown_on_idle: true,
        worker_detect_quorum_queues: true,
        control_queue_exclusive: true,
        event_queue_durable: false,
      },
    ],
  }
  test.each(Object.entries(PROJECTS))('%s comes with its file of settings', (_whose, [given, namespace]) => {
    const app = new Lovage('t', { env: {}, logger: silentLogger })
    app.configFromObject(given, namespace === undefined ? {} : { namespace })
    expect(app.conf.taskDefaultQueue).toBeTypeOf('string')
  })
})
