/** The settings of Celery 5.7's development (August 2026), by namespace: a test finds each in the table, or among those without effect. */
export const CELERY_NAMES: readonly string[] = Object.entries({
  '': 'accept_content result_accept_content enable_utc imports include timezone',
  beat_: 'max_loop_interval schedule scheduler schedule_filename sync_every cron_starting_deadline',
  broker_: `url read_url write_url transport transport_options connection_timeout connection_retry connection_retry_on_startup
    connection_max_retries channel_error_retry failover_strategy heartbeat heartbeat_checkrate login_method
    native_delayed_delivery_queue_type pool_limit pool_acquire_timeout use_ssl host port user password vhost`,
  cache_: 'backend backend_options',
  cassandra_:
    'entry_ttl keyspace port read_consistency servers bundle_path table write_consistency auth_provider auth_kwargs options',
  s3_: 'access_key_id secret_access_key bucket base_path endpoint_url region',
  azureblockblob_: `container_name retry_initial_backoff_sec retry_increment_base retry_max_attempts base_path connection_timeout
    read_timeout`,
  gcs_: 'bucket project base_path ttl',
  control_: 'queue_ttl queue_expires queue_exclusive queue_durable exchange',
  couchbase_: 'backend_settings',
  arangodb_: 'backend_settings',
  mongodb_: 'backend_settings',
  cosmosdbsql_: 'database_name collection_name consistency_level max_retry_attempts max_retry_wait_time',
  event_: 'queue_expires queue_ttl queue_prefix queue_exclusive queue_durable serializer exchange',
  redis_: `backend_use_ssl db host max_connections username password port socket_timeout socket_connect_timeout retry_on_timeout
    socket_keepalive`,
  result_: `backend cache_max compression exchange exchange_type expires persistent extended serializer backend_transport_options
    chord_retry_interval chord_join_timeout backend_max_sleep_between_retries_ms backend_max_retries
    backend_base_sleep_between_retries_ms backend_always_retry`,
  elasticsearch_: 'retry_on_timeout max_retries timeout save_meta_as_text',
  security_: 'certificate cert_store key key_password digest',
  database_: `url engine_options engine_callback short_lived_sessions table_schemas table_names create_tables_at_setup`,
  task_: `acks_late acks_on_failure_or_timeout acks_on_failure acks_on_timeout always_eager annotations compression
    create_missing_queues create_missing_queue_type create_missing_queue_exchange_type inherit_parent_priority default_delivery_mode
    default_queue default_queue_type default_exchange default_exchange_type default_routing_key default_rate_limit default_priority
    eager_propagates ignore_result store_eager_result protocol publish_retry publish_retry_policy queues queue_max_priority
    reject_on_worker_lost remote_tracebacks routes send_sent_event serializer soft_time_limit time_limit store_errors_even_if_ignored
    track_started allow_error_cb_on_chord_header`,
  worker_: `agent autoscaler cancel_long_running_tasks_on_connection_loss soft_shutdown_timeout enable_soft_shutdown_on_idle
    concurrency consumer direct disable_rate_limits deduplicate_successful_tasks enable_remote_control hijack_root_logger log_color
    log_format lost_wait max_memory_per_child max_tasks_per_child pool pool_putlocks pool_restarts proc_alive_timeout
    prefetch_multiplier eta_task_limit enable_prefetch_count_reduction disable_prefetch redirect_stdouts redirect_stdouts_level
    send_task_events state_db task_log_format timer timer_precision detect_quorum_queues`,
}).flatMap(([namespace, names]) => names.split(/\s+/).map((name) => namespace + name))

/** Names from before Celery 4 that no prefix explains, and their current names. */
export const OLD_NAMES: readonly (readonly [old: string, name: string])[] = [
  ['CELERY_TASK_RESULT_EXPIRES', 'result_expires'],
  ['CELERY_MAX_CACHED_RESULTS', 'result_cache_max'],
  ['CELERY_RESULT_DBURI', 'database_url'],
  ['CELERY_RESULT_ENGINE_OPTIONS', 'database_engine_options'],
  ['CELERY_RESULT_DB_SHORT_LIVED_SESSIONS', 'database_short_lived_sessions'],
  ['CELERY_RESULT_DB_TABLENAMES', 'database_table_names'],
  ['CELERY_MESSAGE_COMPRESSION', 'task_compression'],
  ['CELERY_EAGER_PROPAGATES_EXCEPTIONS', 'task_eager_propagates'],
  ['CELERY_TASK_PROTOCOL', 'task_protocol'],
  ['CELERY_TASK_PUBLISH_RETRY', 'task_publish_retry'],
  ['CELERY_TASK_PUBLISH_RETRY_POLICY', 'task_publish_retry_policy'],
  ['CELERY_SEND_TASK_SENT_EVENT', 'task_send_sent_event'],
  ['CELERY_TASK_SERIALIZER', 'task_serializer'],
  ['CELERYD_TASK_SOFT_TIME_LIMIT', 'task_soft_time_limit'],
  ['CELERYD_TASK_TIME_LIMIT', 'task_time_limit'],
  ['CELERY_WORKER_DIRECT', 'worker_direct'],
  ['CELERY_DISABLE_RATE_LIMITS', 'worker_disable_rate_limits'],
  ['CELERY_ENABLE_REMOTE_CONTROL', 'worker_enable_remote_control'],
  ['CELERYD_WORKER_LOST_WAIT', 'worker_lost_wait'],
  ['CELERY_REDIRECT_STDOUTS', 'worker_redirect_stdouts'],
  ['CELERY_REDIRECT_STDOUTS_LEVEL', 'worker_redirect_stdouts_level'],
  ['CELERY_SEND_EVENTS', 'worker_send_task_events'],
  ['CELERYD_POOL', 'worker_pool'],
  ['CELERYD_PREFETCH_MULTIPLIER', 'worker_prefetch_multiplier'],
  ['CELERYD_MAX_TASKS_PER_CHILD', 'worker_max_tasks_per_child'],
  ['CELERYD_LOG_FORMAT', 'worker_log_format'],
  ['CELERYD_STATE_DB', 'worker_state_db'],
  ['CELERYBEAT_SCHEDULER', 'beat_scheduler'],
  ['CELERYBEAT_MAX_LOOP_INTERVAL', 'beat_max_loop_interval'],
  ['CELERY_ACKS_LATE', 'task_acks_late'],
  ['CELERY_ALWAYS_EAGER', 'task_always_eager'],
  ['CELERY_DEFAULT_QUEUE', 'task_default_queue'],
  ['CELERY_DEFAULT_DELIVERY_MODE', 'task_default_delivery_mode'],
  ['CELERY_CREATE_MISSING_QUEUES', 'task_create_missing_queues'],
  ['CELERY_TRACK_STARTED', 'task_track_started'],
  ['CELERY_IGNORE_RESULT', 'task_ignore_result'],
  ['CELERY_STORE_ERRORS_EVEN_IF_IGNORED', 'task_store_errors_even_if_ignored'],
  ['CELERY_EVENT_QUEUE_TTL', 'event_queue_ttl'],
  ['CELERY_CACHE_BACKEND', 'cache_backend'],
  ['CELERY_REDIS_HOST', 'redis_host'],
  ['CELERY_SECURITY_KEY', 'security_key'],
  ['CELERY_ACCEPT_CONTENT', 'accept_content'],
]
