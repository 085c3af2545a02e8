import { ConfigurationError, nearest } from '../../kernel/index.js'

/**
 * Options of kombu's transports for the brokers that this package has, and ours: those that have an effect, and those that are not needed
 * here. One list for all of them, because a project's settings may serve more than one broker.
 */
const KNOWN: ReadonlySet<string> = new Set(
  `sep priority_steps unacked_key unacked_index_key unacked_mutex_key fanout_prefix fanout_patterns global_keyprefix visibility_timeout cluster
  master_name min_other_sentinels sentinel_kwargs service_name
  ack_emulation unacked_mutex_expire unacked_restore_limit restore_interval queue_order_strategy max_connections socket_timeout
  socket_connect_timeout socket_keepalive socket_keepalive_options health_check_interval retry_on_timeout retry_policy client_name
  polling_interval brpop_timeout max_retries interval_start interval_step interval_max errback priority_mode credential_provider
  exchange_name_prefix queue_name_prefix connection_class decode_responses protocol confirm_publish consumer_timeout lease
  confirm_timeout client_properties connect_timeout read_timeout write_timeout login_method login_response socket_settings heartbeat
  frame_max channel_max locale failover_strategy on_blocked on_unblocked require_confirm
  region is_secure wait_time_seconds predefined_queues sqs_base64_encoding sqs-creation-attributes sqs_creation_attributes queue_tags
  pool_size ssl`.split(/\s+/),
)

/**
 * Refuses options that no broker knows: a misspelt one would have no effect, and could silently split a fleet in two.
 * @throws {ConfigurationError} LVG_CONFIG_INVALID naming the option and the nearest known one.
 */
export function checkTransportOptions({
  brokerTransportOptions: given,
}: Readonly<Record<string, unknown>>): void {
  // Settings were checked when the app was made: this one is an object.
  for (const option of Object.keys(given ?? {})) {
    const name = option.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
    if (KNOWN.has(name)) continue
    const near = nearest(name, [...KNOWN])
    throw new ConfigurationError(
      `brokerTransportOptions: ${option} is not known${near ? `; did you mean ${near}?` : ''}`,
      { code: 'LVG_CONFIG_INVALID' },
    )
  }
}
