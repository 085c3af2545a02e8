/** A text or blob column as the rest of the package has it: the library gives blobs as ArrayBuffer. */
export function toBytes(value: string | ArrayBuffer): string | Buffer {
  return typeof value === 'string' ? value : Buffer.from(value)
}
