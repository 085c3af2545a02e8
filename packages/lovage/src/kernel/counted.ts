/**
 * A number and what it counts: `counted(1, 'task')` is "1 task". With a verb, or where there is more to it than an s, both forms are given:
 * `counted(2, 'task waits', 'tasks wait')`.
 */
export const counted = (count: number, one: string, many = `${one}s`): string =>
  `${count} ${count === 1 ? one : many}`
