/** A text or blob column in the package's form: the library gives blobs as ArrayBuffer. */
export function toBytes(value: string | ArrayBuffer): string | Buffer {
  return typeof value === 'string' ? value : Buffer.from(value)
}
