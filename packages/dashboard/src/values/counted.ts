/** "1 task", "2 tasks"; with a verb both forms are given: `counted(2, 'task waits', 'tasks wait')`. */
export const counted = (count: number, one: string, many = `${one}s`): string =>
  `${count} ${count === 1 ? one : many}`
