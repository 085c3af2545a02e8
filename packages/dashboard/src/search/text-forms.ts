/**
 * The forms in which a text may stand where the letters of ASCII were made small and other letters were left as they are: as it was typed,
 * all small, and all large.
 */
export function textForms(text: string): readonly string[] {
  const ascii = text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase())
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the range of ASCII.
  if (/^[\u0000-\u007f]*$/.test(text)) return [ascii]
  const upper = [...ascii].map((letter) => (letter > '\u007f' ? letter.toUpperCase() : letter)).join('')
  return [...new Set([ascii, text.toLowerCase(), upper])]
}
