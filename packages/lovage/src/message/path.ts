/**
 * The name of a value's root in errors: `args`, or one name for each item of a list whose items have their own names (the body of a task
 * is `['args', 'kwargs', 'embed']`).
 */
export type RootName = string | readonly string[]

/** The names of a task body's three parts. */
export const BODY_ROOT = ['args', 'kwargs', 'embed'] as const

/** Longer paths are cut at the front: the end says most. */
const LONGEST = 200

/** The path to a value in JavaScript's notation: `args[0].user.callback`. */
export function formatPath(root: RootName, steps: readonly (string | number)[]): string {
  let text = ''
  let rest = steps
  if (typeof root === 'string') text = root
  else if (typeof steps[0] === 'number') {
    text = root[steps[0]] ?? `[${steps[0]}]`
    rest = steps.slice(1)
  }
  for (const step of rest) {
    if (typeof step === 'number') text += `[${step}]`
    else if (/^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u.test(step)) text += text === '' ? step : `.${step}`
    else text += `[${JSON.stringify(step)}]`
  }
  if (text === '') return 'the value'
  return text.length > LONGEST ? `…${text.slice(-LONGEST)}` : text
}
