import { isUtf8 } from 'node:buffer'
import { ConfigurationError, MessageError, requireLater } from '../kernel/index.js'
import { tooLarge } from './compression.js'
import { YAML } from './dialect.js'
import { ENCRYPTED_TYPE } from './encrypted-type.js'
import { decodeJson, encodeJson, type JsonTypes } from './json.js'
import { type ReadOptions, undecodable } from './json-reader.js'
import { describe, JsonWriter, unserialisable } from './json-writer.js'
import { readAroundSteps } from './later-steps.js'
import { MAX_DEPTH } from './limits.js'
import { checkMsgpack } from './msgpack-check.js'
import { BODY_ROOT, type RootName } from './path.js'
import { PAYLOAD_TYPE } from './payload-type.js'
import { fromTree, toMsgpackTree } from './tree.js'

const msgpackPackage = requireLater<typeof import('@msgpack/msgpack')>('@msgpack/msgpack')
const yamlPackage = requireLater<typeof import('yaml')>('yaml')

/** Turns values into the bytes of a body and back. */
export interface Serializer {
  readonly name: string
  readonly contentType: string
  readonly contentEncoding: string
  /** Throws a MessageError with the path to a value that cannot be written; `root` begins that path. */
  encode(value: unknown, root: RootName, types?: JsonTypes): string | Buffer
  /** Throws a MessageError. */
  decode(body: Buffer | string, encoding: string, options: ReadOptions, root: RootName): unknown
}

const json: Serializer = {
  name: 'json',
  contentType: 'application/json',
  contentEncoding: 'utf-8',
  encode: encodeJson,
  decode(body, encoding, options, root) {
    const text = bodyText(body, encoding)
    const read = root === BODY_ROOT ? readAroundSteps(text, options) : undefined
    return read ?? decodeJson(text, options, root)
  },
}

const msgpack: Serializer = {
  name: 'msgpack',
  contentType: 'application/x-msgpack',
  contentEncoding: 'binary',
  encode(value, root) {
    const bytes = msgpackPackage().encode(toMsgpackTree(value, root), {
      useBigInt64: true,
      maxDepth: MAX_DEPTH + 10,
    })
    return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  },
  decode(body, _encoding, options, root) {
    const bytes = typeof body === 'string' ? Buffer.from(body) : body
    checkMsgpack(bytes)
    return fromTree(
      attempt('msgpack', () => msgpackPackage().decode(bytes, { useBigInt64: true })),
      options,
      root,
    )
  },
}

const yaml: Serializer = {
  name: 'yaml',
  contentType: 'application/x-yaml',
  contentEncoding: 'utf-8',
  encode(value, root) {
    const text = new JsonWriter(YAML, root).write(value)
    checkYaml(text)
    return text
  },
  decode(body, encoding, options, root) {
    const text = bodyText(body, encoding)
    checkYaml(text)
    return fromTree(
      attempt('YAML', () => parseYaml(text)),
      options,
      root,
    )
  },
}

/** Reading YAML blocks for up to 5 µs a character, so this many take half a second at most. */
const MAX_YAML = 128 * 1024

function checkYaml({ length }: string): void {
  if (length <= MAX_YAML) return
  const what = `the body has ${length} characters of YAML, more than ${MAX_YAML}`
  throw tooLarge(what, MAX_YAML, undefined, 'Send JSON or msgpack.')
}

function parseYaml(text: string): unknown {
  // PyYAML implements version 1.1, where a bare `no` is false and a bare date is a date.
  const document = yamlPackage().parseDocument(text, {
    version: '1.1',
    intAsBigInt: true,
    // As in Python, the last one wins. Looking for duplicates takes quadratic time.
    uniqueKeys: false,
    merge: true,
    logLevel: 'silent',
  })
  const problem = document.errors[0] ?? document.warnings[0]
  if (problem) throw problem
  return document.toJS({ maxAliasCount: 100 })
}

const raw: Serializer = {
  name: 'raw',
  contentType: 'application/data',
  contentEncoding: 'binary',
  encode(value, root) {
    if (typeof value === 'string') return value
    if (value instanceof Uint8Array) return Buffer.from(value.buffer, value.byteOffset, value.byteLength)
    throw unserialisable(`raw takes bytes or a string, not ${describe(value)}`, root, [])
  },
  decode: (body, encoding) => (encoding === 'binary' ? Buffer.from(body) : bodyText(body, encoding)),
}

const SERIALIZERS: readonly Serializer[] = [json, msgpack, yaml, raw]
const BY_NAME = new Map(
  SERIALIZERS.flatMap((known) => [[known.name, known] as const, [known.contentType, known] as const]),
)
const PICKLE = new Set(['pickle', 'application/x-python-serialize'])
const PICKLE_HINT =
  'Reading pickle means running what its sender wrote. Set `task_serializer = "json"` in Python.'

/**
 * Returns the serializer for a name (`json`, `msgpack`, `yaml`, `raw`) or content type. Throws a ConfigurationError for others, and
 * always for pickle.
 */
export function getSerializer(name: string): Serializer {
  const serializer = BY_NAME.get(name)
  if (serializer) return serializer
  throw new ConfigurationError(
    PICKLE.has(name) ? 'pickle is never used here' : `the serializer ${name} is not known`,
    {
      code: 'LVG_CONFIG_INVALID',
      hint: PICKLE.has(name)
        ? PICKLE_HINT
        : `Use one of ${SERIALIZERS.map((known) => known.name).join(', ')}.`,
    },
  )
}

/** The content types that may be read. */
export interface AcceptList {
  readonly types: ReadonlySet<string>
  /** Serializers that hold this process's keys, by content type: signed and encrypted messages. */
  readonly own?: ReadonlyMap<string, Serializer>
}

/**
 * Builds the list from `acceptContent`: names or content types, and the types of `own`, whose serializers hold keys. Throws a
 * ConfigurationError for unknown names.
 */
export function acceptList(names: readonly string[], own: readonly Serializer[] = []): AcceptList {
  const byName = new Map(own.map((one) => [one.name, one]))
  const all = [...names.map((name) => byName.get(name) ?? getSerializer(name)), ...own]
  const types = new Set(all.map(({ contentType }) => contentType))
  return own.length === 0 ? { types } : { types, own: new Map(own.map((one) => [one.contentType, one])) }
}

/** Celery's default: JSON only. */
const ACCEPT_JSON: AcceptList = { types: new Set([json.contentType]) }

/** The options for reading a body. */
export interface ContentOptions extends ReadOptions {
  /** Default: JSON only, as in Celery. */
  readonly accept?: AcceptList
}

/** Reads a body by its content type. Throws a MessageError: not accepted, not decodable, integer out of range. */
export function decodeContent(
  body: Buffer | string,
  contentType: string,
  contentEncoding: string,
  options: ContentOptions = {},
  root: RootName = '',
): unknown {
  const { types, own } = options.accept ?? ACCEPT_JSON
  const known = own?.get(contentType) ?? BY_NAME.get(contentType)
  const serializer = types.has(contentType) ? known : undefined
  if (serializer) return serializer.decode(body, contentEncoding, options, root)
  throw new MessageError(`the content type ${JSON.stringify(contentType.slice(0, 128))} is not accepted`, {
    code: 'LVG_MESSAGE_UNACCEPTED',
    details: { contentType: contentType.slice(0, 128) },
    ...hintFor(contentType),
  })
}

function hintFor(contentType: string): { readonly hint?: string } {
  if (PICKLE.has(contentType)) return { hint: PICKLE_HINT }
  if (contentType === ENCRYPTED_TYPE)
    return { hint: 'It is encrypted: give this process the keys, encryptionKeys.' }
  if (contentType === PAYLOAD_TYPE)
    return {
      hint: 'Its body is in a store of large payloads: workers with that largePayloadUrl fetch it, listings show the reference.',
    }
  return {}
}

function bodyText(body: Buffer | string, encoding: string): string {
  if (typeof body === 'string') return body
  if (encoding === 'utf-8' || encoding === 'binary' || encoding === 'us-ascii' || encoding === '') {
    if (!isUtf8(body)) throw undecodable('the body is not UTF-8 text')
    return body.toString('utf8')
  }
  return attempt(encoding.slice(0, 64), () => new TextDecoder(encoding, { fatal: true }).decode(body))
}

/** Runs a library's reader: anything it throws is the body's fault. */
function attempt<T>(format: string, read: () => T): T {
  try {
    return read()
  } catch (error) {
    const reason = error instanceof Error ? error.message.split('\n', 1)[0] : ''
    throw undecodable(`the body is not valid ${format}: ${reason}`, {}, error)
  }
}
