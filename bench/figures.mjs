// What every table of the bench is made of.

export function median(numbers) {
  const sorted = [...numbers].sort((a, b) => a - b)
  const middle = (sorted.length - 1) / 2
  return (sorted[Math.floor(middle)] + sorted[Math.ceil(middle)]) / 2
}

export const thousands = (number) => Math.round(number).toLocaleString('en-US')

export const percent = (share, digits = 0) => `${(share * 100).toFixed(digits)} %`
