/** The possible stored forms of a text where only ASCII letters were lower-cased: as typed, all lower case, and all upper case. */
export function textForms(text: string): readonly string[] {
  const ascii = text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase())
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the range of ASCII.
  if (/^[\u0000-\u007f]*$/.test(text)) return [ascii]
  const upper = [...ascii].map((letter) => (letter > '\u007f' ? letter.toUpperCase() : letter)).join('')
  return [...new Set([ascii, text.toLowerCase(), upper])]
}
