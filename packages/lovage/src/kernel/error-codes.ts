/** Every error code with its meaning and its remedy; `docs/errors.md` is made from this table. */
export const ERROR_CODES = {
  LVG_CONFIG_INVALID: ['A setting has an invalid value.', 'Correct the value named in the message.'],
  LVG_CONFIG_UNKNOWN: [
    'A setting is unknown.',
    'Check the spelling; if a known name is near, the message names it.',
  ],
  LVG_CONFIG_NO_BROKER: [
    'No broker was configured in production.',
    'Set `broker` in code, `--broker` on the command line or CELERY_BROKER_URL in the environment.',
  ],
  LVG_TWO_COPIES: [
    'Two copies of the package are installed, and an object of one was given to the other.',
    '`npm ls lovage` shows both: give them one version, or make it a peer dependency of the package that has its own.',
  ],
  LVG_APP_NOT_FOUND: [
    'The module given with -A does not export an app.',
    'Export a Lovage instance, as `app` or as default.',
  ],
  LVG_USAGE: ['A command was given invalid arguments.', 'See the command’s --help.'],
  LVG_ALREADY_RUNNING: [
    'The process that the pid file names is still running.',
    'Stop it first, or give this one a pid file of its own.',
  ],
  LVG_MODULE_NOT_FOUND: [
    'A module to be imported (-I, `include`) was not found.',
    'Give its path from the working directory, or a dotted name.',
  ],
  LVG_DRIVER_UNKNOWN: ['No driver serves this URL scheme.', 'Use one of the schemes named in the message.'],
  LVG_DRIVER_MISSING: [
    'The driver needs a package that is not installed.',
    'Install the package named in the message.',
  ],
  LVG_CONNECTION_FAILED: [
    'A server could not be reached.',
    'Check that it runs, the address, and the credentials.',
  ],
  LVG_CONNECTION_CLOSED: ['The connection was closed by this process.', 'Do not use an app after `close()`.'],
  LVG_CONNECTION_REFUSED: [
    'The server rejected the credentials, or denied permission.',
    'Check user, password and access rules.',
  ],
  LVG_REDIS_REFUSED: ['Redis refused a command.', 'The message contains its reply.'],
  LVG_POSTGRES_REFUSED: ['PostgreSQL refused a statement.', 'The message contains its reply.'],
  LVG_RABBITMQ_REFUSED: ['RabbitMQ refused an operation.', 'The message contains its reply.'],
  LVG_SQS_REFUSED: ['SQS refused a request.', 'The message contains its reply.'],
  LVG_PAYLOAD_MISSING: [
    'The body of a message, or a result, is not in the store of large payloads, or is not what was stored.',
    'It expired (largePayloadExpires), or largePayloadUrl names another store than where it was sent.',
  ],
  LVG_PAYLOAD_STORE_FAILED: [
    'The store of large payloads cannot be read or written.',
    'Check that it is there, its free space and the permissions; the message contains what it said.',
  ],
  LVG_DATABASE_MISSING: [
    'The database does not exist.',
    'Create it (CREATE DATABASE), or correct its name in the URL.',
  ],
  LVG_STORE_LOCKED: [
    'The SQLite file is locked by another process.',
    'End the process that holds a long transaction on the file.',
  ],
  LVG_STORE_READ_ONLY: [
    'The SQLite file cannot be written.',
    'Give this user write permission on the file and its folder.',
  ],
  LVG_STORE_CORRUPT: [
    'The SQLite file is damaged or is no database.',
    'Restore it from a backup or move it away.',
  ],
  LVG_STORE_FULL: ['The disk is full.', 'Free space; nothing that was accepted before is lost.'],
  LVG_STORE_MISSING: [
    'The folder of the SQLite file does not exist.',
    'Create the folder, or correct the URL.',
  ],
  LVG_STORE_UNSUITABLE: [
    'The folder cannot hold a shared SQLite file.',
    'Use a local file system, not a network one.',
  ],
  LVG_MESSAGE_UNSERIALISABLE: [
    'A value cannot be written in the chosen serializer.',
    'Change the value at the path named in the message.',
  ],
  LVG_MESSAGE_MALFORMED: [
    'A message does not follow Celery’s protocol.',
    'It was quarantined: inspect it with `lovage queues`.',
  ],
  LVG_MESSAGE_UNDECODABLE: [
    'The body of a message cannot be decoded.',
    'Compare the producer’s serializer and compression.',
  ],
  LVG_MESSAGE_UNACCEPTED: [
    'The content type of a message is not accepted.',
    'Add it to `acceptContent` if you trust its producers.',
  ],
  LVG_MESSAGE_FORGED: [
    'A message was not signed by a known sender, or was changed after it was signed.',
    'Add its sender’s certificate to the store, if you trust it.',
  ],
  LVG_MESSAGE_UNDECRYPTABLE: [
    'An encrypted message was changed, or this process does not have its key.',
    'Put the key back into `encryptionKeys`: keep keys there as long as messages encrypted with them exist.',
  ],
  LVG_MESSAGE_TOO_LARGE: [
    'A message is larger than the configured limit.',
    'Send a reference instead, or raise `messageMaxBytes`.',
  ],
  LVG_MESSAGE_INTEGER_RANGE: [
    'A number is too large for JavaScript to hold exactly.',
    "Set `integers: 'bigint'`.",
  ],
  LVG_MESSAGE_UNROUTABLE: [
    'No queue is bound to the exchange for this routing key.',
    'Declare the queue with its exchange and routing key before publishing.',
  ],
  LVG_PUBLISH_UNCERTAIN: [
    'The connection was lost, or time ran out, before the broker confirmed a message.',
    'Send it again under the same task id (`details.ids`): at worst it runs a second time under that id.',
  ],
  LVG_MESSAGE_UNSUPPORTED: [
    'The message asks for something that this version does not support.',
    'It is kept as a dead letter.',
  ],
  LVG_TASK_NOT_REGISTERED: [
    'No task of this name is registered here.',
    'Import its module (-I), or route it to another queue.',
  ],
  LVG_TASK_DUPLICATE: ['Two tasks have the same name.', 'Rename one of them.'],
  LVG_TASK_ARGUMENTS: ['The arguments do not match the task.', 'Compare the call with the definition.'],
  LVG_TASK_FAILED: ['The task threw.', 'See the cause and the traceback.'],
  LVG_TASK_MAX_RETRIES: ['The task used up its retries.', 'See the cause, or raise `maxRetries`.'],
  LVG_TASK_TIME_LIMIT: [
    'The task ran longer than its hard time limit.',
    'Raise `timeLimit`, or make the task faster.',
  ],
  LVG_TASK_SOFT_TIME_LIMIT: ['The task ran longer than its soft time limit.', 'Catch it to clean up.'],
  LVG_TASK_CIRCUIT_OPEN: [
    'Most of the last runs of the task failed, so it is not tried for a while.',
    'Check what it depends on; one run is let through after `openFor` seconds.',
  ],
  LVG_TASK_ABORTED: [
    'The task was asked to abort itself, and did.',
    'Nothing to do; send it again if it is still needed.',
  ],
  LVG_TASK_WORKER_LOST: ['The worker died while it ran the task.', 'Check memory use and native modules.'],
  LVG_TASK_REVOKED: ['The task was revoked, or it expired.', 'Send it again if it is still needed.'],
  LVG_RESULT_TIMEOUT: [
    'No result came within the timeout.',
    'The task continues; ask again, or check that a worker is running.',
  ],
  LVG_RESULT_DISABLED: ['No result backend is configured.', 'Set `backend`.'],
  LVG_RESULT_UNREADABLE: ['The stored result cannot be read.', 'See the cause.'],
  LVG_CHORD_FAILED: ['A member of the chord failed.', 'See the dependency in the message.'],
  LVG_CANVAS_INVALID: [
    'A chain, group, chord or signature cannot be run.',
    'Correct what the message names.',
  ],
  LVG_SCHEDULE_INVALID: ['A schedule is invalid.', 'Correct the value named in the message.'],
  LVG_QUEUE_NOT_FOUND: [
    'The queue is not known.',
    'Declare it in `taskQueues`, or leave `taskCreateMissingQueues` on.',
  ],
  LVG_DEAD_LETTER_NOT_FOUND: [
    'There is no such dead letter.',
    'See `lovage dead list`; it may have been retried or removed.',
  ],
  LVG_DEAD_LETTER_UNREADABLE: [
    'The message of a dead letter cannot be read, and so it cannot be sent again.',
    'Inspect it with `lovage dead show`; send the task again, then purge the letter.',
  ],
  LVG_CAPABILITY_MISSING: ['The driver does not support this.', 'Use one that does; the message says which.'],
} as const satisfies Record<`LVG_${string}`, readonly [meaning: string, advice: string]>

/** A stable name for a kind of error. */
export type ErrorCode = keyof typeof ERROR_CODES
