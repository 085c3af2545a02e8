/**
 * The characters of an id, a bit for each kind: a digit, each letter in any case, `-`, `_`, and all others. Most ids are UUIDs, so that a
 * word with a letter past `f` is known not to be in one, without a look at any.
 */
export function charsOf(id: string): number {
  const { length } = id
  let chars = 0
  for (let at = 0; at < length; at++) {
    const code = id.charCodeAt(at)
    if (code >= 48 && code <= 57) chars |= 1
    else if (code >= 97 && code <= 122) chars |= 2 << (code - 97)
    else if (code >= 65 && code <= 90) chars |= 2 << (code - 65)
    else if (code === 45) chars |= 1 << 27
    else if (code === 95) chars |= 1 << 28
    else chars |= 1 << 29
  }
  return chars
}
