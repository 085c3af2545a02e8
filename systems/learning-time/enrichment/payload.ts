/** A payload as it came: flat, or with `completion`; whatever is in it is kept. */
export type Payload = Readonly<Record<string, unknown>>

/** The payload's JSON with `completion.learning_time`, whole seconds of any size, when they are known. */
export function bodyOf(payload: Payload, seconds?: bigint): Uint8Array {
  if (seconds === undefined) return Buffer.from(write(payload))
  const { completion } = payload
  const known =
    typeof completion === 'object' && completion !== null && !Array.isArray(completion) ? completion : {}
  return Buffer.from(write({ ...payload, completion: { ...known, learning_time: seconds } }))
}

/** JSON, in which a bigint is a number with all of its digits. */
function write(value: unknown): string {
  if (typeof value === 'bigint') return String(value)
  if (Array.isArray(value)) return `[${value.map((each) => write(each ?? null)).join(',')}]`
  if (typeof value !== 'object' || value === null || 'toJSON' in value) return JSON.stringify(value) ?? 'null'
  const fields = Object.entries(value).filter(([, each]) => each !== undefined)
  return `{${fields.map(([name, each]) => `${JSON.stringify(name)}:${write(each)}`).join(',')}}`
}
