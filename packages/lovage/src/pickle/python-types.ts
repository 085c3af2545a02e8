import { Decimal, PlainDate, PlainTime, Uuid, undecodable } from '../message/index.js'

/** The name of a class or function in a pickle. It is never resolved. */
export class PythonName {
  constructor(
    readonly module: string,
    readonly name: string,
  ) {}

  get path(): string {
    // Python 2's name, which protocols 0 to 2 still write.
    return `${this.module.replace('__builtin__', 'builtins')}.${this.name}`
  }
}

export const isPythonName = (value: unknown): value is PythonName => value instanceof PythonName

/** An object whose state follows its name: only UUIDs. */
export class PythonObject {
  #value: unknown

  setState(state: unknown): void {
    const { int } = (typeof state === 'object' && state !== null ? state : {}) as { readonly int?: unknown }
    if (typeof int !== 'bigint') throw undecodable('a UUID without its number')
    this.#value = new Uuid(BigInt.asUintN(128, int).toString(16).padStart(32, '0'))
  }

  get value(): unknown {
    if (this.#value === undefined) throw undecodable('a UUID without its number')
    return this.#value
  }
}

/** A time offset in seconds, from which time zones are built. */
class Offset {
  constructor(readonly seconds: number) {}
}

/** A time zone with a fixed offset. */
class Zone {
  constructor(readonly offset: Offset) {}
}

const UTC = new Zone(new Offset(0))

type Construct = (args: readonly unknown[]) => unknown

/** The names allowed in a pickle, and the values they build. */
const KINDS: ReadonlyMap<string, Construct> = new Map<string, Construct>([
  ['datetime.datetime', ([bytes, zone]) => dateTime(bytesOf(bytes, 10), zone)],
  ['datetime.date', ([bytes]) => date(bytesOf(bytes, 4))],
  ['datetime.time', ([bytes, zone]) => time(bytesOf(bytes, 6), zone)],
  ['datetime.timedelta', ([days, seconds]) => new Offset(Number(days) * 86_400 + Number(seconds))],
  ['datetime.timezone', ([offset]) => new Zone(offset instanceof Offset ? offset : refuse('datetime.timezone'))],
  ['datetime.timezone.utc', () => UTC],
  ['pytz._UTC', () => UTC],
  ['zoneinfo.ZoneInfo._unpickle', ([key]) => (/^(Etc\/)?UTC$/.test(String(key)) ? UTC : refuse(`zoneinfo ${String(key)}`))],
  ['decimal.Decimal', ([digits]) => new Decimal(typeof digits === 'string' ? digits : refuse('decimal.Decimal'))],
  ['uuid.UUID', ([hex]) => (typeof hex === 'string' ? new Uuid(hex) : new PythonObject())],
  // An attribute of a name: how a time zone refers to its constructor.
  ['builtins.getattr', ([owner, name]) => (isPythonName(owner) && typeof name === 'string' ? new PythonName(owner.module, `${owner.name}.${name}`) : refuse('builtins.getattr'))],
  // A UUID in protocols 0 and 1.
  ['copy_reg._reconstructor', ([kind]) => (isPythonName(kind) && kind.path === 'uuid.UUID' ? new PythonObject() : refuse('copy_reg._reconstructor'))],
  ['builtins.set', ([list = []]) => (Array.isArray(list) ? list : refuse('builtins.set'))],
  ['builtins.frozenset', ([list = []]) => (Array.isArray(list) ? list : refuse('builtins.frozenset'))],
  ['builtins.bytearray', ([bytes]) => (Buffer.isBuffer(bytes) ? bytes : refuse('builtins.bytearray'))],
  ['collections.OrderedDict', () => ({})],
  ['collections.defaultdict', () => ({})],
  // Bytes in protocols 0 to 2.
  ['_codecs.encode', ([text, codec]) => (typeof text === 'string' && codec === 'latin1' ? Buffer.from(text, 'latin1') : refuse('_codecs.encode'))],
  ['builtins.bytes', ([nothing]) => (nothing === undefined ? Buffer.alloc(0) : refuse('builtins.bytes'))],
]) // biome-ignore format: one kind a line

/** The value of a name with arguments. Throws a MessageError for every name that is not plain data. */
export function constructed(name: PythonName, args: readonly unknown[]): unknown {
  const construct = KINDS.get(name.path) ?? refuse(name.path)
  try {
    return construct(args)
  } catch (error) {
    // Invalid digits or dates.
    if (error instanceof RangeError) throw undecodable(`not a valid ${name.path}`, {}, error)
    throw error
  }
}

/** Refuses a name, or a value that has meaning only inside another value. */
export function refuseLoose(value: unknown): void {
  if (value instanceof PythonName) refuse(value.path)
  if (value instanceof Offset) refuse('datetime.timedelta')
  if (value instanceof Zone) refuse('datetime.timezone')
}

function refuse(path: string): never {
  throw undecodable(`a pickle that holds ${path.slice(0, 200)}, which is not plain data`, {
    python: path.slice(0, 200),
  })
}

function bytesOf(value: unknown, length: number): Buffer {
  if (!Buffer.isBuffer(value) || value.length !== length) throw undecodable('not a valid date or time')
  return value
}

/** A time without a zone is UTC, as in Celery; microseconds are truncated to milliseconds. */
function dateTime(bytes: Buffer, zone: unknown): Date {
  const [month = 0, day = 0, hour = 0, minute = 0, second = 0] = bytes.subarray(2)
  const local = new Date(0)
  local.setUTCFullYear(bytes.readUInt16BE(0), (month & 0x7f) - 1, day)
  local.setUTCHours(hour, minute, second, Math.floor(bytes.readUIntBE(7, 3) / 1000))
  return new Date(local.getTime() - offsetOf(zone) * 1000)
}

const date = (bytes: Buffer): PlainDate =>
  new PlainDate(`${padded(bytes.readUInt16BE(0), 4)}-${padded(bytes[2])}-${padded(bytes[3])}`)

function time(bytes: Buffer, zone: unknown): PlainTime {
  const [hour = 0, minute, second] = bytes
  const micros = padded(bytes.readUIntBE(3, 3), 6)
  const text = `${padded(hour & 0x7f)}:${padded(minute)}:${padded(second)}.${micros}`
  if (zone === undefined || zone === null) return new PlainTime(text)
  const offsetS = offsetOf(zone)
  const minutes = Math.trunc(Math.abs(offsetS) / 60)
  return new PlainTime(
    `${text}${offsetS < 0 ? '-' : '+'}${padded(Math.trunc(minutes / 60))}:${padded(minutes % 60)}`,
  )
}

function offsetOf(zone: unknown): number {
  if (zone === undefined || zone === null) return 0
  if (zone instanceof Zone) return zone.offset.seconds
  throw undecodable('a time zone that is not plain data')
}

const padded = (part = 0, width = 2): string => String(part).padStart(width, '0')
